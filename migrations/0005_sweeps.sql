-- The mapping compared with what each provider lists, and what that found.

-- Which pass of the list last showed an organization.
alter table organizations add column last_listed_at timestamptz;
-- What an open create may have made is looked for among these.
create index organizations_pending on organizations (provider) where status = 'pending';

-- One pass over the list of a partner account.
create table sweeps (
    id           uuid        not null,
    provider     text        not null,
    state        text        not null default 'running',
    -- Raised with every claim; a replica whose epoch is not the row's has lost it.
    epoch        bigint      not null default 0,
    lease_until  timestamptz,
    -- A pass that waits for the provider is taken up again then.
    resume_at    timestamptz not null default now(),
    -- Who asked for it.
    actor        text        not null,
    request_id   text        not null,
    -- First the list is walked, then what it did not show is asked for one by one. The place is where the
    -- next page begins, or the last id at the provider that was asked for.
    phase        text        not null default 'listing',
    place        text,
    requests     bigint      not null default 0,
    listed       bigint      not null default 0,
    unmapped     bigint      not null default 0,
    missing      bigint      not null default 0,
    drifted      bigint      not null default 0,
    -- Failures of the provider in a row.
    failures     integer     not null default 0,
    error        text,
    begun_at     timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    finished_at  timestamptz,
    constraint sweeps_pkey primary key (id),
    constraint sweeps_state_known check (state in ('running', 'succeeded', 'failed')),
    constraint sweeps_phase_known check (phase in ('listing', 'confirming')),
    constraint sweeps_finished check ((finished_at is not null) = (state <> 'running')),
    constraint sweeps_told_why check ((error is not null) = (state = 'failed'))
);
-- One at a time an account, over all replicas.
create unique index sweeps_one_running on sweeps (provider) where state = 'running';
create index sweeps_ended on sweeps (provider, finished_at desc) where state <> 'running';

-- When the next pass of an account begins by itself.
create table sweep_schedule (
    provider text        not null,
    next_at  timestamptz not null,
    constraint sweep_schedule_pkey primary key (provider)
);

-- What does not agree. `suspected` ones were seen once where once proves nothing, and are shown to nobody.
create table discrepancies (
    id                   uuid        not null,
    provider             text        not null,
    kind                 text        not null,
    state                text        not null,
    -- Null for what is not mapped: it is no tenant's.
    tenant               text,
    organization_id      uuid,
    -- The version that was compared.
    organization_version bigint,
    provider_org_id      text        not null,
    -- [{field, ours, theirs}]
    fields               jsonb       not null default '[]',
    first_seen_at        timestamptz not null,
    last_seen_at         timestamptz not null,
    -- How, by whom and why it was settled; `gone` where a pass found it to hold no more.
    resolution           text,
    resolved_by          text,
    resolved_at          timestamptz,
    reason               text,
    operation_id         uuid,
    constraint discrepancies_pkey primary key (id),
    constraint discrepancies_organization_fkey foreign key (organization_id) references organizations (id),
    constraint discrepancies_operation_fkey foreign key (operation_id) references operations (id),
    constraint discrepancies_kind_known check (kind in ('unmapped', 'missing', 'drifted')),
    constraint discrepancies_state_known check (state in ('suspected', 'open', 'resolved', 'dismissed')),
    constraint discrepancies_resolution_known
        check (resolution in ('adopted', 'accepted', 'reapplied', 'dismissed', 'gone')),
    constraint discrepancies_settled
        check ((resolution is not null) = (state in ('resolved', 'dismissed'))
               and (resolved_at is not null) = (resolution is not null)),
    constraint discrepancies_of_an_organization
        check ((organization_id is null) = (kind = 'unmapped')
               and (tenant is null) = (kind = 'unmapped')
               and (organization_version is null) = (kind = 'unmapped')),
    constraint discrepancies_fields_array check (jsonb_typeof(fields) = 'array')
);
-- One that is seen again is the same, until it is settled for good.
create unique index discrepancies_live_key on discrepancies (provider, kind, provider_org_id)
    where state <> 'resolved';
create index discrepancies_seen on discrepancies (first_seen_at, id);
create index discrepancies_tenant_seen on discrepancies (tenant, first_seen_at, id);
create index discrepancies_state_seen on discrepancies (state, first_seen_at, id);
create index discrepancies_provider_seen on discrepancies (provider, first_seen_at, id);
create index discrepancies_organization on discrepancies (organization_id, first_seen_at, id);
