-- What dashboards read: views that only grow, free of personal data, each row with how far it can be believed.
--
-- A column, once here, keeps its name, type and meaning; new ones come at the end. What cannot be kept so
-- becomes reporting_v2 beside it. No names, addresses, e-mails, comments, words of providers or actors.

create schema reporting_v1;
comment on schema reporting_v1 is
    'Views for dashboards, version 1: columns are only ever added. No personal data. observed_at, age and certainty tell how far a row can be believed.';

create view reporting_v1.organizations as
select o.id as organization_id,
       o.tenant,
       o.customer_id,
       o.provider,
       o.provider_org_id,
       o.status,
       o.usable,
       o.locks @> '[{"origin": "partner"}]' as locked_by_partner,
       o.locks @> '[{"origin": "provider"}]' as locked_by_provider,
       o.status in ('active', 'locked') and not o.locks @> '[{"origin": "provider", "reason": "validate_email"}]'
           as validated,
       o.address ->> 'country' as country,
       o.labels,
       o.route_rule,
       o.created_at,
       o.updated_at,
       o.version,
       o.observed_at,
       now() - o.observed_at as age,
       o.certainty
from organizations o;
comment on view reporting_v1.organizations is 'One row an organization of a customer at a provider.';
comment on column reporting_v1.organizations.organization_id is 'UUID by which the API knows it.';
comment on column reporting_v1.organizations.tenant is 'The internal platform that owns it.';
comment on column reporting_v1.organizations.customer_id is 'The customer, by the id of the platform that owns it.';
comment on column reporting_v1.organizations.provider is 'The partner account where it is.';
comment on column reporting_v1.organizations.provider_org_id is 'Its id there; null while its create is open or after it was refused.';
comment on column reporting_v1.organizations.status is 'pending, active, locked, closed or failed, as in the API.';
comment on column reporting_v1.organizations.usable is 'Active, and no lock of any origin.';
comment on column reporting_v1.organizations.locked_by_partner is 'A lock of ours is on it.';
comment on column reporting_v1.organizations.locked_by_provider is 'A lock of the provider is on it, also where one of ours hides it.';
comment on column reporting_v1.organizations.validated is 'It exists, is not closed, and does not wait for its owner to validate an e-mail address.';
comment on column reporting_v1.organizations.country is 'Country of its address, two letters; null where none is known.';
comment on column reporting_v1.organizations.labels is 'Labels that the platform gave it: a JSON object of texts.';
comment on column reporting_v1.organizations.route_rule is 'The rule that chose the provider.';
comment on column reporting_v1.organizations.created_at is 'When the gateway first knew of it.';
comment on column reporting_v1.organizations.updated_at is 'Last change of the row.';
comment on column reporting_v1.organizations.version is 'Rises with every change but observed_at.';
comment on column reporting_v1.organizations.observed_at is 'When the provider last showed it or answered for it; null if never.';
comment on column reporting_v1.organizations.age is 'How long ago that was.';
comment on column reporting_v1.organizations.certainty is 'observed: read at the provider; asserted: the provider said so when we wrote, and cannot be read; unknown: an outcome is open.';

create view reporting_v1.operations as
select p.id as operation_id,
       p.tenant,
       p.organization_id,
       p.provider,
       p.kind,
       p.state,
       p.state not in ('succeeded', 'rejected') as is_open,
       p.attempts,
       p.sends,
       p.error ->> 'code' as error_code,
       p.request_id,
       p.unknown_since,
       p.settle_until,
       p.next_attempt_at,
       p.created_at,
       p.updated_at,
       p.finished_at,
       p.finished_at - p.created_at as duration,
       p.updated_at as observed_at,
       now() - p.updated_at as age,
       case when p.state not in ('succeeded', 'rejected') then 'unknown'
            when exists (select from evidence e where e.operation_id = p.id and e.kind = 'read_back') then 'observed'
            else 'asserted' end as certainty
from operations p;
comment on view reporting_v1.operations is 'One row a write that reaches, or shall reach, a provider.';
comment on column reporting_v1.operations.operation_id is 'UUID by which the API knows it.';
comment on column reporting_v1.operations.tenant is 'The internal platform that asked for it.';
comment on column reporting_v1.operations.organization_id is 'The organization that it is about.';
comment on column reporting_v1.operations.provider is 'The partner account that it goes to.';
comment on column reporting_v1.operations.kind is 'create, update, lock, unlock, invite or admin_role.';
comment on column reporting_v1.operations.state is 'accepted, sending, unknown, quarantined, succeeded or rejected.';
comment on column reporting_v1.operations.is_open is 'It has not ended.';
comment on column reporting_v1.operations.attempts is 'How often it was taken up to be sent.';
comment on column reporting_v1.operations.sends is 'How often it may have left; two at the most.';
comment on column reporting_v1.operations.error_code is 'Code of the problem that the caller is shown; null where there is none.';
comment on column reporting_v1.operations.request_id is 'The request that made it, as in the logs.';
comment on column reporting_v1.operations.unknown_since is 'Since when its outcome is not known; null where it is, or was never in doubt.';
comment on column reporting_v1.operations.settle_until is 'Until when a late effect of it has to be expected.';
comment on column reporting_v1.operations.next_attempt_at is 'When it is looked at next.';
comment on column reporting_v1.operations.created_at is 'When it was accepted.';
comment on column reporting_v1.operations.updated_at is 'Last change of the row.';
comment on column reporting_v1.operations.finished_at is 'When it ended; null while it is open.';
comment on column reporting_v1.operations.duration is 'From being accepted to its end; null while it is open.';
comment on column reporting_v1.operations.observed_at is 'When something was last learned of it.';
comment on column reporting_v1.operations.age is 'How long ago that was.';
comment on column reporting_v1.operations.certainty is 'Of its outcome. observed: a reading at the provider had part in it; asserted: an answer or a person said so; unknown: it is open.';

create view reporting_v1.discrepancies as
select d.id as discrepancy_id,
       d.kind,
       d.provider,
       d.tenant,
       d.organization_id,
       d.provider_org_id,
       array(select f ->> 'field' from jsonb_array_elements(d.fields) f) as fields,
       d.state,
       d.resolution,
       d.first_seen_at,
       d.last_seen_at,
       d.resolved_at,
       d.last_seen_at as observed_at,
       now() - d.last_seen_at as age,
       'observed' as certainty
from discrepancies d
where d.state <> 'suspected';
comment on view reporting_v1.discrepancies is 'One row a difference that a sweep found between the mapping and a provider.';
comment on column reporting_v1.discrepancies.discrepancy_id is 'UUID by which the API knows it.';
comment on column reporting_v1.discrepancies.kind is 'unmapped: it exists there without a mapping; missing: mapped, and gone there; drifted: fields differ.';
comment on column reporting_v1.discrepancies.provider is 'The partner account.';
comment on column reporting_v1.discrepancies.tenant is 'The platform that owns the organization; null for unmapped ones.';
comment on column reporting_v1.discrepancies.organization_id is 'The organization; null for unmapped ones.';
comment on column reporting_v1.discrepancies.provider_org_id is 'Its id at the provider.';
comment on column reporting_v1.discrepancies.fields is 'Names of the fields that differ. Their values are in the API alone.';
comment on column reporting_v1.discrepancies.state is 'open, resolved or dismissed.';
comment on column reporting_v1.discrepancies.resolution is 'adopted, accepted, reapplied, dismissed or gone; null while it is open.';
comment on column reporting_v1.discrepancies.first_seen_at is 'When a sweep first found it.';
comment on column reporting_v1.discrepancies.last_seen_at is 'When a sweep last found it.';
comment on column reporting_v1.discrepancies.resolved_at is 'When it was settled; null while it is open.';
comment on column reporting_v1.discrepancies.observed_at is 'When a sweep last found it.';
comment on column reporting_v1.discrepancies.age is 'How long ago that was.';
comment on column reporting_v1.discrepancies.certainty is 'Always observed: a sweep saw it.';

create view reporting_v1.providers as
-- The accounts that have organizations are stepped through by the index, not counted out of all rows.
with recursive mapped (provider) as (
    (select provider from organizations order by provider limit 1)
    union all
    select (select o.provider from organizations o where o.provider > m.provider order by o.provider limit 1)
    from mapped m where m.provider is not null
), known (provider) as (
    select provider from mapped where provider is not null
    union select provider from provider_gates
    union select provider from sweep_schedule
)
select k.provider,
       coalesce(g.closed_until > now(), false) as gate_closed,
       g.closed_until as gate_closed_until,
       waiting.accepted as operations_accepted,
       waiting.unknown as operations_unknown,
       waiting.quarantined as operations_quarantined,
       waiting.oldest_unknown_since,
       (select count(*) from discrepancies d where d.provider = k.provider and d.state = 'open') as discrepancies_open,
       ended.state as last_sweep_state,
       ended.finished_at as last_sweep_finished_at,
       seen.finished_at as last_sweep_succeeded_at,
       seen.listed as last_sweep_listed,
       greatest(seen.finished_at, g.last_read_at, g.last_create_success_at) as observed_at,
       now() - greatest(seen.finished_at, g.last_read_at, g.last_create_success_at) as age,
       case when seen.finished_at is not null or g.last_read_at is not null then 'observed'
            when g.last_create_success_at is not null then 'asserted'
            else 'unknown' end as certainty
from known k
left join provider_gates g on g.provider = k.provider
left join lateral (
    select s.state, s.finished_at from sweeps s where s.provider = k.provider and s.state <> 'running'
    order by s.finished_at desc limit 1
) ended on true
left join lateral (
    select s.finished_at, s.listed from sweeps s where s.provider = k.provider and s.state = 'succeeded'
    order by s.finished_at desc limit 1
) seen on true
cross join lateral (
    select count(*) filter (where p.state = 'accepted') as accepted,
           count(*) filter (where p.state = 'unknown') as unknown,
           count(*) filter (where p.state = 'quarantined') as quarantined,
           min(p.unknown_since) filter (where p.state in ('unknown', 'quarantined')) as oldest_unknown_since
    from operations p
    where p.provider = k.provider and p.state in ('accepted', 'unknown', 'quarantined')
) waiting;
comment on view reporting_v1.providers is 'One row a partner account that has organizations, or was ever called or swept.';
comment on column reporting_v1.providers.provider is 'The partner account.';
comment on column reporting_v1.providers.gate_closed is 'Nothing is sent to it now, by any replica.';
comment on column reporting_v1.providers.gate_closed_until is 'Until when nothing is, or was last not, sent to it; null if never.';
comment on column reporting_v1.providers.operations_accepted is 'Operations that wait to be sent.';
comment on column reporting_v1.providers.operations_unknown is 'Operations whose outcome is not known and is being looked for.';
comment on column reporting_v1.providers.operations_quarantined is 'Operations that wait for a person.';
comment on column reporting_v1.providers.oldest_unknown_since is 'Since when the oldest outcome is not known; null where all are.';
comment on column reporting_v1.providers.discrepancies_open is 'Open differences between the mapping and the account.';
comment on column reporting_v1.providers.last_sweep_state is 'How the last sweep ended: succeeded or failed; null before the first.';
comment on column reporting_v1.providers.last_sweep_finished_at is 'When that was.';
comment on column reporting_v1.providers.last_sweep_succeeded_at is 'When a sweep last saw the whole list.';
comment on column reporting_v1.providers.last_sweep_listed is 'How many organizations it saw.';
comment on column reporting_v1.providers.observed_at is 'When the account was last read, or last took a create; null if never.';
comment on column reporting_v1.providers.age is 'How long ago that was.';
comment on column reporting_v1.providers.certainty is 'observed: it was read; asserted: it only ever answered writes; unknown: neither.';

create view reporting_v1.funnel as
select (o.created_at at time zone 'UTC')::date as day,
       o.tenant,
       o.provider,
       count(*) as asked_for,
       count(*) filter (where o.status not in ('pending', 'failed')) as created,
       count(*) filter (where o.status in ('active', 'locked')
                          and not o.locks @> '[{"origin": "provider", "reason": "validate_email"}]') as validated,
       count(*) filter (where o.usable) as usable,
       count(*) filter (where o.status = 'pending') as pending,
       count(*) filter (where o.status = 'failed') as failed,
       min(o.observed_at) as observed_at,
       now() - min(o.observed_at) as age,
       case when bool_or(o.certainty = 'unknown') then 'unknown'
            when bool_or(o.certainty = 'asserted') then 'asserted'
            else 'observed' end as certainty
from organizations o
group by 1, 2, 3;
comment on view reporting_v1.funnel is 'How far the organizations of a day have come: created, then validated, then usable. A row a day, tenant and provider.';
comment on column reporting_v1.funnel.day is 'The day (UTC) on which they were asked for or adopted.';
comment on column reporting_v1.funnel.tenant is 'The internal platform that owns them.';
comment on column reporting_v1.funnel.provider is 'The partner account.';
comment on column reporting_v1.funnel.asked_for is 'All of them.';
comment on column reporting_v1.funnel.created is 'Those that exist at the provider, or did.';
comment on column reporting_v1.funnel.validated is 'Those of them that are not closed and do not wait for their owner to validate an e-mail address.';
comment on column reporting_v1.funnel.usable is 'Those of them that are active without any lock.';
comment on column reporting_v1.funnel.pending is 'Those whose create is open.';
comment on column reporting_v1.funnel.failed is 'Those whose create was refused.';
comment on column reporting_v1.funnel.observed_at is 'When the one that was not seen for longest was last seen; null if none ever was.';
comment on column reporting_v1.funnel.age is 'How long ago that was.';
comment on column reporting_v1.funnel.certainty is 'The least certain of them.';

create view reporting_v1.freshness as
select o.tenant,
       o.provider,
       count(*) as organizations,
       count(*) filter (where o.certainty = 'observed') as observed,
       count(*) filter (where o.certainty = 'asserted') as asserted,
       count(*) filter (where o.certainty = 'unknown') as unknown,
       count(*) filter (where o.observed_at >= now() - interval '15 minutes') as within_15_minutes,
       count(*) filter (where o.observed_at >= now() - interval '1 hour') as within_1_hour,
       count(*) filter (where o.observed_at >= now() - interval '1 day') as within_1_day,
       count(*) filter (where o.observed_at is null) as never,
       min(o.observed_at) as observed_at,
       now() - min(o.observed_at) as age,
       case when bool_or(o.certainty = 'unknown') then 'unknown'
            when bool_or(o.certainty = 'asserted') then 'asserted'
            else 'observed' end as certainty
from organizations o
where o.status <> 'failed'
group by 1, 2;
comment on view reporting_v1.freshness is 'How lately the organizations of a tenant at a provider were seen there. Refused creates are left out.';
comment on column reporting_v1.freshness.tenant is 'The internal platform that owns them.';
comment on column reporting_v1.freshness.provider is 'The partner account.';
comment on column reporting_v1.freshness.organizations is 'All of them.';
comment on column reporting_v1.freshness.observed is 'Those that were read at the provider.';
comment on column reporting_v1.freshness.asserted is 'Those of which the provider only ever answered a write.';
comment on column reporting_v1.freshness.unknown is 'Those with an open outcome.';
comment on column reporting_v1.freshness.within_15_minutes is 'Those that were seen in the last 15 minutes.';
comment on column reporting_v1.freshness.within_1_hour is 'Those that were seen in the last hour.';
comment on column reporting_v1.freshness.within_1_day is 'Those that were seen in the last 24 hours.';
comment on column reporting_v1.freshness.never is 'Those that were never seen.';
comment on column reporting_v1.freshness.observed_at is 'When the one that was not seen for longest was last seen; null if none ever was.';
comment on column reporting_v1.freshness.age is 'How long ago that was.';
comment on column reporting_v1.freshness.certainty is 'The least certain of them.';

create view reporting_v1.daily_counts as
select begun.day,
       begun.tenant,
       begun.provider,
       sum(begun.organization) as organizations,
       sum(begun.operation) as operations,
       sum(begun.succeeded) as operations_succeeded,
       sum(begun.rejected) as operations_rejected,
       sum(begun.operation - begun.succeeded - begun.rejected) as operations_open,
       now() as observed_at,
       interval '0' as age,
       case when sum(begun.operation - begun.succeeded - begun.rejected) > 0 then 'unknown' else 'observed' end as certainty
from (
    select (created_at at time zone 'UTC')::date as day, tenant, provider,
           1 as organization, 0 as operation, 0 as succeeded, 0 as rejected
    from organizations
    union all
    select (created_at at time zone 'UTC')::date, tenant, provider,
           0, 1, (state = 'succeeded')::integer, (state = 'rejected')::integer
    from operations
) begun
group by 1, 2, 3;
comment on view reporting_v1.daily_counts is 'What began on a day. A row a day, tenant and provider.';
comment on column reporting_v1.daily_counts.day is 'The day (UTC).';
comment on column reporting_v1.daily_counts.tenant is 'The internal platform.';
comment on column reporting_v1.daily_counts.provider is 'The partner account.';
comment on column reporting_v1.daily_counts.organizations is 'Organizations that were asked for or adopted.';
comment on column reporting_v1.daily_counts.operations is 'Operations that were accepted.';
comment on column reporting_v1.daily_counts.operations_succeeded is 'Those of them that succeeded since.';
comment on column reporting_v1.daily_counts.operations_rejected is 'Those of them that were rejected since.';
comment on column reporting_v1.daily_counts.operations_open is 'Those of them that have not ended.';
comment on column reporting_v1.daily_counts.observed_at is 'Now: it is counted when it is asked for.';
comment on column reporting_v1.daily_counts.age is 'Nothing.';
comment on column reporting_v1.daily_counts.certainty is 'unknown while one of the operations has not ended, else observed.';
