-- Webhooks: who is told of a tenant's events, and what became of each telling.
--
-- The feed is the outbox. A webhook's cursor moves over it in the transaction that writes the deliveries
-- of the events it passes, so each event has its delivery, once, whatever dies.

create table webhooks (
    id               uuid        not null,
    tenant           text        not null,
    url              text        not null,
    -- The kinds of event that are told; empty for all.
    types            text[]      not null default '{}',
    description      text,
    state            text        not null,
    -- Why the gateway disabled it.
    disabled_reason  text,
    -- What signs, sealed with the configured key where there is one; the one before it signs along for a day.
    secret           bytea       not null,
    old_secret       bytea,
    old_secret_until timestamptz,
    -- Events of the feed up to this number have their deliveries.
    cursor           bigint      not null,
    -- The receiver asked not to be called until then.
    not_before       timestamptz,
    -- Nothing was delivered since, and something failed.
    failing_since    timestamptz,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    constraint webhooks_pkey primary key (id),
    constraint webhooks_state_known check (state in ('active', 'paused', 'disabled')),
    constraint webhooks_disabled_reason check ((disabled_reason is null) or state = 'disabled'),
    constraint webhooks_old_secret check ((old_secret is null) = (old_secret_until is null)),
    constraint webhooks_cursor check (cursor >= 0)
);
create index webhooks_tenant_created on webhooks (tenant, created_at, id);
create index webhooks_behind on webhooks (cursor) where state = 'active';

create table webhook_deliveries (
    -- Also what the receiver knows it by: the same for a webhook and an event, however often it is sent.
    id               uuid        not null,
    webhook_id       uuid        not null,
    -- The event; null for a test.
    sequence         bigint,
    organization_id  uuid,
    type             text        not null,
    state            text        not null default 'pending',
    attempts         integer     not null default 0,
    next_attempt_at  timestamptz not null,
    -- A worker has it until then, by the epoch that it raised.
    lease_until      timestamptz,
    epoch            bigint      not null default 0,
    first_attempt_at timestamptz,
    last_attempt_at  timestamptz,
    last_status      integer,
    last_error       text,
    last_millis      integer,
    created_at       timestamptz not null,
    finished_at      timestamptz,
    constraint webhook_deliveries_pkey primary key (id),
    constraint webhook_deliveries_webhook_fkey foreign key (webhook_id) references webhooks (id) on delete cascade,
    constraint webhook_deliveries_event_fkey foreign key (sequence) references event_feed (sequence),
    constraint webhook_deliveries_state_known check (state in ('pending', 'delivered', 'failed')),
    constraint webhook_deliveries_finished check ((finished_at is not null) = (state <> 'pending'))
);
create unique index webhook_deliveries_event_key on webhook_deliveries (webhook_id, sequence);
create index webhook_deliveries_list on webhook_deliveries (webhook_id, created_at, id);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, next_attempt_at) where state = 'pending';
-- What is earlier of the same organization.
create index webhook_deliveries_order on webhook_deliveries (webhook_id, organization_id, sequence)
    where state = 'pending';
create index webhook_deliveries_finished on webhook_deliveries (finished_at) where state <> 'pending';

-- What a request with a key made that is neither an operation nor an organization: a webhook, a delivery.
alter table idempotency_keys add column subject_id uuid;
