-- $1 organizations with an operation each, in January 2026: what ten thousandths of them are waits, is refused,
-- is locked. Written past triggers and foreign keys, since a million rows by the gateway would take hours.

set session_replication_role = replica;

insert into organizations
    (id, tenant, customer_id, provider, provider_org_id, name, status, locks, owner_email, labels, certainty,
     observed_at, route_rule, route_reason, created_at, updated_at)
select gen_random_uuid(), (array['crm', 'shop', 'billing'])[1 + n % 3], 'cust-' || n,
       case when n % 10 = 0 then 'archera' else 'scaleway' end,
       case when n % 1000 in (1, 2) then null else 'p-' || n end, 'Organization ' || n,
       case n % 1000 when 1 then 'pending' when 2 then 'failed' when 3 then 'closed'
            else case when n % 100 between 4 and 14 then 'locked' else 'active' end end,
       (case when n % 1000 <= 3 then '[]'
             when n % 100 between 4 and 9 then '[{"origin": "provider", "reason": "validate_email", "since": null}]'
             when n % 100 between 10 and 14 then '[{"origin": "partner", "reason": "unpaid", "since": null}]'
             else '[]' end)::jsonb,
       'owner' || n || '@acme.test', '{"product": "cloud"}',
       case when n % 1000 = 1 then 'unknown' when n % 10 = 0 then 'asserted' else 'observed' end,
       case when n % 1000 in (1, 2) then null else now() - (n % 100000) * interval '1 s' end, 'default', '',
       timestamptz '2026-01-01 00:00Z' + (n::float8 / :organizations) * interval '30 days', now()
from generate_series(1, :organizations) n;

insert into operations
    (id, tenant, organization_id, provider, kind, state, attempts, sends, request, actor, request_id, error, created_at,
     updated_at, finished_at, unknown_since)
select gen_random_uuid(), tenant, id, provider, 'create',
       case status when 'pending' then (array['accepted', 'unknown', 'quarantined'])[1 + length(customer_id) % 3]
                   when 'failed' then 'rejected' else 'succeeded' end,
       1, 1, '{}', 'bench', 'bench', case status when 'failed' then '{"code": "rejected_by_provider"}'::jsonb end,
       created_at, created_at,
       case when status <> 'pending' then created_at + interval '2 s' end,
       case when status = 'pending' then created_at end
from organizations;

insert into discrepancies
    (id, provider, kind, state, tenant, organization_id, organization_version, provider_org_id, fields, first_seen_at,
     last_seen_at)
select gen_random_uuid(), provider, 'drifted', 'open', tenant, id, 1, provider_org_id,
       '[{"field": "name", "ours": "a", "theirs": "b"}]', created_at, created_at
from organizations where provider_org_id is not null order by customer_id limit :organizations / 1000;

insert into provider_gates (provider) values ('scaleway'), ('archera');

reset session_replication_role;
analyze;
