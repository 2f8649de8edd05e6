-- Changes of webhooks are events of the feed: they belong to a tenant and to no organization.

alter table events alter column organization_id drop not null;
alter table events alter column organization_sequence drop not null;
-- Not validated: the rows that exist have both, and reading all of them would lock the table for that time.
alter table events add constraint events_organization_whole
    check ((organization_id is null) = (organization_sequence is null)) not valid;
alter table event_feed alter column organization_id drop not null;

-- A delivery that a receiver answered with 410 is sent again once its webhook is active. The gateway gave those of a
-- disabled webhook up until now.
update webhook_deliveries d set state = 'pending', finished_at = null
from webhooks w
where w.id = d.webhook_id and w.state = 'disabled' and d.state = 'failed' and d.last_status = 410;

-- A superuser may call the procedure in a session with another search path.
alter procedure apply_grants() set search_path = pg_catalog, pg_temp;
