-- The mapping: which customer is which child organization at which provider.

create table organizations (
    id                    uuid        not null,
    tenant                text        not null,
    customer_id           text        not null,
    provider              text        not null,
    provider_org_id       text,
    name                  text        not null,
    status                text        not null,
    locks                 jsonb       not null default '[]',
    usable                boolean     not null generated always as (status = 'active' and locks = '[]'::jsonb) stored,
    owner_email           text,
    owner_first_name      text,
    owner_last_name       text,
    owner_phone_number    text,
    siren_number          text,
    domain                text,
    address               jsonb,
    marketplace_offers    jsonb,
    comment               text,
    labels                jsonb       not null default '{}',
    labra_subscription_id text,
    provider_data         jsonb,
    certainty             text        not null,
    observed_at           timestamptz,
    -- The rule that chose the provider, kept with what it chose.
    route_rule            text        not null,
    route_reason          text        not null,
    -- HMAC of what the create asked for; null where the gateway did not create it.
    create_fingerprint    bytea,
    last_event            bigint      not null default 0,
    version               bigint      not null default 1,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),
    constraint organizations_pkey primary key (id),
    constraint organizations_status_known check (status in ('pending', 'active', 'locked', 'closed', 'failed')),
    constraint organizations_certainty_known check (certainty in ('observed', 'asserted', 'unknown')),
    constraint organizations_labels_object check (jsonb_typeof(labels) = 'object'),
    constraint organizations_locks_array check (jsonb_typeof(locks) = 'array'),
    -- A provider's id is known exactly when the organization is there.
    constraint organizations_provider_org_id_known
        check ((provider_org_id is null) = (status in ('pending', 'failed'))),
    constraint organizations_version_positive check (version > 0)
);

-- One organization at a provider is mapped once, whoever asks.
create unique index organizations_provider_org_id_key on organizations (provider, provider_org_id);
-- One organization a customer at a provider, but for creates that were refused.
create unique index organizations_customer_key on organizations (tenant, customer_id, provider) where status <> 'failed';
-- The lists of the API: by time within a tenant, and by each documented filter.
create index organizations_tenant_created on organizations (tenant, created_at, id);
create index organizations_created on organizations (created_at, id);
create index organizations_customer on organizations (tenant, customer_id, created_at, id);
create index organizations_owner_email on organizations (lower(owner_email), created_at, id);
create index organizations_status on organizations (tenant, status, created_at, id);
create index organizations_provider on organizations (tenant, provider, created_at, id);
create index organizations_usable on organizations (tenant, usable, created_at, id);
create index organizations_updated on organizations (tenant, updated_at, id);
create index organizations_name on organizations (tenant, lower(name) text_pattern_ops, created_at, id);
create index organizations_labels on organizations using gin (labels jsonb_path_ops);
create index organizations_locks on organizations using gin (locks jsonb_path_ops);

-- A customer id in use at a provider: taken with the intent, so that two requests cannot both believe
-- it free, and given back when a create is refused or another id took its place.
create table customer_claims (
    tenant          text not null,
    customer_id     text not null,
    provider        text not null,
    organization_id uuid not null,
    constraint customer_claims_pkey primary key (tenant, customer_id, provider),
    -- Checked at the commit: the claim is taken before the organization's row is written.
    constraint customer_claims_organization_fkey foreign key (organization_id) references organizations (id)
        deferrable initially deferred
);
create index customer_claims_organization on customer_claims (organization_id);

create table members (
    organization_id uuid        not null,
    email           text        not null,
    role            text,
    invited_at      timestamptz not null default now(),
    constraint members_organization_fkey foreign key (organization_id) references organizations (id),
    constraint members_role_known
        check (role is null or role in ('user', 'admin', 'support', 'cloud_rep', 'restricted_user'))
);
create unique index members_key on members (organization_id, lower(email));
