-- A small mapping with one of everything that the views tell apart. Each text that must not be seen has the word
-- "personal" in it.

insert into organizations
    (id, tenant, customer_id, provider, provider_org_id, name, status, locks, owner_email, owner_first_name,
     owner_last_name, owner_phone_number, siren_number, domain, address, comment, labels, provider_data, certainty,
     observed_at, route_rule, route_reason, created_at, updated_at)
select ('00000000-0000-7000-8000-00000000000' || n)::uuid, tenant, 'cust-' || n, provider, provider_org_id,
       'personal name ' || n, status, locks::jsonb, 'personal' || n || '@acme.test', 'personal first', 'personal last',
       'personal phone', 'personal siren', 'personal.test',
       jsonb_build_object('line1', 'personal line', 'line2', null, 'city', 'personal city', 'state', null,
                          'postal_code', 'personal code', 'country', 'FR'),
       'personal comment', '{"product": "cloud"}', '{"owner": "personal data"}', certainty, observed_at::timestamptz,
       'default', 'personal reason', created_at::timestamptz, created_at::timestamptz
from (values
    (1, 'crm', 'scaleway', 'p-1', 'active', '[]', 'observed', '2026-11-20T10:00:00Z', '2026-11-01T23:30:00Z'),
    (2, 'crm', 'scaleway', 'p-2', 'locked', '[{"origin": "provider", "reason": "validate_email", "since": null}]',
        'observed', '2026-11-20T11:00:00Z', '2026-11-01T08:00:00Z'),
    (3, 'crm', 'scaleway', 'p-3', 'locked',
        '[{"origin": "partner", "reason": "personal reason of a lock", "since": null}]',
        'unknown', '2026-11-19T11:00:00Z', '2026-11-02T00:30:00+01:00'),
    (4, 'crm', 'scaleway', 'p-4', 'closed', '[]', 'observed', '2026-11-20T12:00:00Z', '2026-11-02T09:00:00Z'),
    (5, 'crm', 'scaleway', null, 'failed', '[]', 'observed', null, '2026-11-02T10:00:00Z'),
    (6, 'shop', 'archera', 'a-6', 'active', '[]', 'asserted', '2026-11-18T11:00:00Z', '2026-11-02T11:00:00Z'),
    (7, 'shop', 'archera', null, 'pending', '[]', 'unknown', null, '2026-11-02T12:00:00Z')
) as o (n, tenant, provider, provider_org_id, status, locks, certainty, observed_at, created_at);

insert into operations
    (id, tenant, organization_id, provider, kind, state, attempts, sends, request, actor, request_id, error,
     unknown_since, settle_until, created_at, updated_at, finished_at)
select ('00000000-0000-7000-9000-00000000000' || n)::uuid, tenant,
       ('00000000-0000-7000-8000-00000000000' || organization)::uuid, provider, kind, state, 1, 1,
       '{"name": "personal request"}', 'personal actor', 'req-' || n, error::jsonb, unknown_since::timestamptz,
       unknown_since::timestamptz + interval '180 s', created_at::timestamptz,
       coalesce(finished_at, unknown_since)::timestamptz, finished_at::timestamptz
from (values
    (1, 'crm', 1, 'scaleway', 'create', 'succeeded', null, null, '2026-11-01T23:30:00Z', '2026-11-01T23:30:02Z'),
    (2, 'crm', 2, 'scaleway', 'create', 'succeeded', null, null, '2026-11-01T08:00:00Z', '2026-11-01T08:03:00Z'),
    (3, 'crm', 3, 'scaleway', 'lock', 'unknown', null, '2026-11-02T13:00:00Z', '2026-11-02T12:59:50Z', null),
    (5, 'crm', 5, 'scaleway', 'create', 'rejected',
        '{"code": "rejected_by_provider", "detail": "personal detail"}', null, '2026-11-02T10:00:00Z',
        '2026-11-02T10:00:01Z'),
    (6, 'shop', 6, 'archera', 'create', 'succeeded', null, null, '2026-11-02T11:00:00Z', '2026-11-02T11:00:01Z'),
    (7, 'shop', 7, 'archera', 'create', 'quarantined', null, '2026-11-02T12:00:10Z', '2026-11-02T12:00:00Z', null)
) as p (n, tenant, organization, provider, kind, state, error, unknown_since, created_at, finished_at);

insert into evidence (operation_id, epoch, kind, detail)
values ('00000000-0000-7000-9000-000000000002', 2, 'read_back', '{"candidates": ["personal candidate"]}');

insert into provider_gates (provider, closed_until, reason, last_create_success_at, last_read_at)
values ('scaleway', '2026-11-02T13:10:00Z', 'personal words of a provider', '2026-11-01T23:30:02Z', '2026-11-02T13:01:00Z'),
       ('archera', null, null, '2026-11-02T11:00:01Z', null);

insert into sweep_schedule (provider, next_at)
values ('scaleway', '2026-11-20T12:30:00Z'), ('other', '2026-11-20T12:30:00Z');

insert into sweeps (id, provider, state, actor, request_id, listed, unmapped, drifted, error, begun_at, finished_at)
values ('00000000-0000-7000-a000-000000000001', 'scaleway', 'succeeded', 'personal actor', 'req-s1', 4, 1, 1, null,
        '2026-11-20T12:00:00Z', '2026-11-20T12:00:05Z'),
       ('00000000-0000-7000-a000-000000000002', 'scaleway', 'failed', 'personal actor', 'req-s2', 2, 0, 0,
        'personal words of a provider', '2026-11-20T12:15:00Z', '2026-11-20T12:15:05Z');

insert into discrepancies
    (id, provider, kind, state, tenant, organization_id, organization_version, provider_org_id, fields,
     first_seen_at, last_seen_at, resolution, resolved_by, resolved_at, reason)
values ('00000000-0000-7000-b000-000000000001', 'scaleway', 'drifted', 'open', 'crm',
        '00000000-0000-7000-8000-000000000001', 1, 'p-1',
        '[{"field": "owner.email", "ours": "personal1@acme.test", "theirs": "personal2@acme.test"}, {"field": "name", "ours": "personal", "theirs": "personal"}]',
        '2026-11-20T11:00:00Z', '2026-11-20T12:00:00Z', null, null, null, null),
       ('00000000-0000-7000-b000-000000000002', 'scaleway', 'unmapped', 'dismissed', null, null, null, 'p-99',
        '[{"field": "name", "ours": null, "theirs": "personal name"}]',
        '2026-11-20T11:00:00Z', '2026-11-20T12:00:00Z', 'dismissed', 'personal actor', '2026-11-20T12:05:00Z',
        'personal reason'),
       ('00000000-0000-7000-b000-000000000003', 'scaleway', 'missing', 'suspected', 'crm',
        '00000000-0000-7000-8000-000000000002', 1, 'p-2', '[]',
        '2026-11-20T11:00:00Z', '2026-11-20T12:00:00Z', null, null, null, null);
