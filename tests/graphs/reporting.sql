-- Two platforms, two accounts: what the panels' results are known of. Days are fixed; ages count from the
-- transaction's own time, in which the panels are read too.

insert into organizations (id, tenant, customer_id, provider, provider_org_id, name, status, locks, certainty, observed_at, route_rule, route_reason, created_at)
values
    -- Usable; seen by the last sweep.
    ('00000000-0000-7000-8000-000000000001', 'crm', 'cust-1', 'scaleway', 'a1', 'One', 'active', '[]', 'observed', now() - interval '4 minutes', 'default', '', '2026-01-05 10:00Z'),
    ('00000000-0000-7000-8000-000000000002', 'crm', 'cust-2', 'scaleway', 'a2', 'Two', 'active', '[]', 'observed', now() - interval '4 minutes', 'default', '', '2026-01-05 11:00Z'),
    -- Its owner has not validated the address.
    ('00000000-0000-7000-8000-000000000003', 'crm', 'cust-3', 'scaleway', 'a3', 'Three', 'locked', '[{"origin": "provider", "reason": "validate_email"}]', 'observed', now() - interval '50 minutes', 'default', '', '2026-01-05 12:00Z'),
    -- Locked by us, since the customer does not pay.
    ('00000000-0000-7000-8000-000000000004', 'crm', 'cust-4', 'scaleway', 'a4', 'Four', 'locked', '[{"origin": "partner", "reason": "unpaid"}]', 'observed', now() - interval '4 minutes', 'default', '', '2026-01-06 09:00Z'),
    -- Its create is open.
    ('00000000-0000-7000-8000-000000000005', 'crm', 'cust-5', 'scaleway', null, 'Five', 'pending', '[]', 'unknown', null, 'default', '', '2026-01-06 23:59Z'),
    -- Refused.
    ('00000000-0000-7000-8000-000000000006', 'crm', 'cust-6', 'scaleway', null, 'Six', 'failed', '[]', 'asserted', null, 'default', '', '2026-01-06 10:00Z'),
    -- Closed.
    ('00000000-0000-7000-8000-000000000007', 'shop', 'cust-7', 'scaleway', 'a7', 'Seven', 'closed', '[]', 'observed', now() - interval '30 hours', 'default', '', '2026-01-06 11:00Z'),
    -- Cannot be read: as the provider said.
    ('00000000-0000-7000-8000-000000000008', 'shop', 'cust-7', 'archera', 'b8', 'Seven', 'active', '[]', 'asserted', now() - interval '2 hours', 'commitments', '', '2026-01-07 00:00Z'),
    -- Waits for a person.
    ('00000000-0000-7000-8000-000000000009', 'shop', 'cust-9', 'archera', null, 'Nine', 'pending', '[]', 'unknown', null, 'commitments', '', '2026-01-07 08:00Z'),
    -- Of a month that is not shown.
    ('00000000-0000-7000-8000-000000000010', 'shop', 'cust-10', 'archera', 'b10', 'Ten', 'active', '[]', 'asserted', now() - interval '3 days', 'commitments', '', '2025-12-31 23:00Z');

insert into operations (id, tenant, organization_id, provider, kind, state, sends, request, actor, request_id, unknown_since, lease_until, created_at, finished_at)
values
    ('10000000-0000-7000-8000-000000000001', 'crm', '00000000-0000-7000-8000-000000000001', 'scaleway', 'create', 'succeeded', 1, '{}', 'crm', 'req-1', null, null, '2026-01-05 10:00Z', '2026-01-05 10:00:02Z'),
    ('10000000-0000-7000-8000-000000000002', 'crm', '00000000-0000-7000-8000-000000000002', 'scaleway', 'create', 'succeeded', 1, '{}', 'crm', 'req-2', null, null, '2026-01-05 11:00Z', '2026-01-05 11:00:02Z'),
    ('10000000-0000-7000-8000-000000000003', 'crm', '00000000-0000-7000-8000-000000000004', 'scaleway', 'lock', 'succeeded', 1, '{}', 'crm', 'req-3', null, null, '2026-01-06 09:00Z', '2026-01-06 09:00:01Z'),
    ('10000000-0000-7000-8000-000000000004', 'crm', '00000000-0000-7000-8000-000000000006', 'scaleway', 'create', 'rejected', 1, '{}', 'crm', 'req-4', null, null, '2026-01-06 10:00Z', '2026-01-06 10:00:01Z'),
    ('10000000-0000-7000-8000-000000000005', 'crm', '00000000-0000-7000-8000-000000000005', 'scaleway', 'create', 'unknown', 1, '{}', 'crm', 'req-5', now() - interval '3 minutes', null, now() - interval '4 minutes', null),
    ('10000000-0000-7000-8000-000000000006', 'shop', '00000000-0000-7000-8000-000000000009', 'archera', 'create', 'quarantined', 1, '{}', 'shop', 'req-6', now() - interval '90 minutes', null, now() - interval '91 minutes', null);

insert into provider_gates (provider, closed_until, reason, last_create_success_at)
values ('scaleway', now() + interval '2 minutes', 'rate_limited', now() - interval '1 hour'),
       ('archera', null, null, now() - interval '2 hours');

insert into sweeps (id, provider, state, actor, request_id, requests, listed, unmapped, missing, drifted, error, begun_at, finished_at)
values ('20000000-0000-7000-8000-000000000001', 'scaleway', 'succeeded', 'gateway', 'sweep', 1, 6, 2, 1, 1, null, now() - interval '19 minutes', now() - interval '19 minutes'),
       ('20000000-0000-7000-8000-000000000002', 'scaleway', 'failed', 'gateway', 'sweep', 1, 0, 0, 0, 0, 'the provider answered 503', now() - interval '4 minutes', now() - interval '4 minutes');

insert into discrepancies (id, provider, kind, state, tenant, organization_id, organization_version, provider_org_id, fields, first_seen_at, last_seen_at, resolution, resolved_by, resolved_at, reason)
values
    ('30000000-0000-7000-8000-000000000001', 'scaleway', 'unmapped', 'open', null, null, null, 'x1', '[]', now() - interval '5 hours', now(), null, null, null, null),
    ('30000000-0000-7000-8000-000000000002', 'scaleway', 'unmapped', 'open', null, null, null, 'x2', '[]', now() - interval '2 hours', now(), null, null, null, null),
    ('30000000-0000-7000-8000-000000000003', 'scaleway', 'drifted', 'open', 'crm', '00000000-0000-7000-8000-000000000001', 1, 'a1', '[{"field": "owner.email", "ours": "x", "theirs": "y"}, {"field": "name", "ours": "x", "theirs": "y"}]', now() - interval '26 hours', now(), null, null, null, null),
    ('30000000-0000-7000-8000-000000000004', 'scaleway', 'missing', 'resolved', 'shop', '00000000-0000-7000-8000-000000000007', 1, 'a7', '[]', '2026-01-08 03:00Z', '2026-01-08 03:00Z', 'accepted', 'ops', '2026-01-09 03:00Z', 'closed by the customer'),
    ('30000000-0000-7000-8000-000000000005', 'scaleway', 'drifted', 'dismissed', 'crm', '00000000-0000-7000-8000-000000000002', 1, 'a2', '[{"field": "name", "ours": "x", "theirs": "y"}]', '2026-01-08 04:00Z', '2026-01-08 04:00Z', 'dismissed', 'ops', '2026-01-09 03:00Z', ''),
    -- Seen once, which proves nothing: shown to nobody.
    ('30000000-0000-7000-8000-000000000006', 'scaleway', 'missing', 'suspected', 'crm', '00000000-0000-7000-8000-000000000003', 1, 'a3', '[]', now(), now(), null, null, null, null);
