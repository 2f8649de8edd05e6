-- What happened to every organization, with what was before and after: audit and change feed.
-- Personal data is masked before it is written here.

create table events (
    sequence              bigint      generated always as identity,
    type                  text        not null,
    tenant                text        not null,
    organization_id       uuid        not null,
    -- 1, 2, 3 … within an organization, without a gap.
    organization_sequence bigint      not null,
    operation_id          uuid,
    actor                 text        not null,
    request_id            text        not null,
    provider_request_id   text,
    before                jsonb,
    after                 jsonb,
    at                    timestamptz not null default now(),
    constraint events_pkey primary key (sequence),
    constraint events_organization_fkey foreign key (organization_id) references organizations (id),
    constraint events_operation_fkey foreign key (operation_id) references operations (id)
);
create unique index events_organization_sequence_key on events (organization_id, organization_sequence);
create trigger events_append_only before update or delete on events
    for each row execute function append_only();
create trigger events_no_truncate before truncate on events
    for each statement execute function append_only();
