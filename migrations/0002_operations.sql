-- Operations: every write that reaches a provider, committed before anything is sent.

create table operations (
    id                    uuid        not null,
    tenant                text        not null,
    organization_id       uuid        not null,
    provider              text        not null,
    kind                  text        not null,
    state                 text        not null,
    -- Raised with every claim; a worker whose epoch is not the row's has lost it.
    epoch                 bigint      not null default 0,
    lease_until           timestamptz,
    -- Every time it was taken up to be sent, and those of them that may have left.
    attempts              integer     not null default 0,
    sends                 integer     not null default 0,
    next_attempt_at       timestamptz,
    -- What is to be sent, in the gateway's words. Never a password.
    request               jsonb       not null,
    actor                 text        not null,
    request_id            text        not null,
    traceparent           text,
    -- The problem that the caller is shown.
    error                 jsonb,
    first_sent_at         timestamptz,
    unknown_since         timestamptz,
    settle_until          timestamptz,
    absent_read_at        timestamptz,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),
    finished_at           timestamptz,
    constraint operations_pkey primary key (id),
    constraint operations_organization_fkey foreign key (organization_id) references organizations (id),
    constraint operations_kind_known
        check (kind in ('create', 'update', 'lock', 'unlock', 'invite', 'admin_role')),
    constraint operations_state_known
        check (state in ('accepted', 'sending', 'unknown', 'quarantined', 'succeeded', 'rejected')),
    constraint operations_two_sends check (sends between 0 and 2),
    constraint operations_finished check ((finished_at is not null) = (state in ('succeeded', 'rejected'))),
    constraint operations_lease check (state <> 'sending' or lease_until is not null),
    constraint operations_no_password check (not request ? 'password')
);

-- One operation in flight an organization.
create unique index operations_one_in_flight on operations (organization_id)
    where state in ('sending', 'unknown', 'quarantined');
create index operations_organization on operations (organization_id, id);
create index operations_due on operations (provider, next_attempt_at) where state in ('accepted', 'unknown');
create index operations_leases on operations (provider, lease_until) where state = 'sending';
create index operations_tenant_created on operations (tenant, created_at, id);
create index operations_state on operations (state, created_at, id);
create index operations_open_creates on operations (provider, state)
    where kind = 'create' and state in ('sending', 'unknown', 'quarantined');

-- Only these transitions; epochs never fall; ended rows never change.
create function operations_guard() returns trigger language plpgsql as $$
begin
    if old.state in ('succeeded', 'rejected') then
        raise exception 'operation % has ended', old.id
            using errcode = 'integrity_constraint_violation', constraint = 'operations_ended';
    end if;
    if new.epoch < old.epoch then
        raise exception 'operation % cannot go back to an earlier epoch', old.id
            using errcode = 'integrity_constraint_violation', constraint = 'operations_epoch_rises';
    end if;
    if new.state <> old.state and (old.state, new.state) not in (
        ('accepted', 'sending'), ('accepted', 'rejected'),
        ('sending', 'succeeded'), ('sending', 'rejected'), ('sending', 'accepted'), ('sending', 'unknown'),
        ('unknown', 'succeeded'), ('unknown', 'accepted'), ('unknown', 'quarantined'), ('unknown', 'rejected'),
        ('quarantined', 'succeeded'), ('quarantined', 'accepted'), ('quarantined', 'rejected')
    ) then
        raise exception 'operation % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'integrity_constraint_violation', constraint = 'operations_transition';
    end if;
    if (new.tenant, new.organization_id, new.provider, new.kind, new.created_at)
        is distinct from (old.tenant, old.organization_id, old.provider, old.kind, old.created_at) then
        raise exception 'operation % cannot change what it is', old.id
            using errcode = 'integrity_constraint_violation', constraint = 'operations_identity';
    end if;
    return new;
end $$;
create trigger operations_guard before update on operations
    for each row execute function operations_guard();

create function append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name
        using errcode = 'integrity_constraint_violation', constraint = tg_table_name || '_append_only';
end $$;

-- One row each time an operation was about to be sent, committed before a byte of it left.
create table attempts (
    operation_id uuid        not null,
    number       integer     not null,
    epoch        bigint      not null,
    started_at   timestamptz not null default now(),
    constraint attempts_pkey primary key (operation_id, number),
    constraint attempts_operation_fkey foreign key (operation_id) references operations (id)
);
create trigger attempts_append_only before update or delete on attempts
    for each row execute function append_only();
create trigger attempts_no_truncate before truncate on attempts
    for each statement execute function append_only();

-- What was seen of an operation, in the order in which it was written down. Anybody may add, whatever
-- the epoch: a worker that lost the operation still knows what it was answered.
create table evidence (
    id                  bigint      generated always as identity,
    operation_id        uuid        not null,
    epoch               bigint      not null,
    kind                text        not null,
    send_phase          text,
    provider_request_id text,
    detail              jsonb       not null default '{}',
    at                  timestamptz not null default now(),
    constraint evidence_pkey primary key (id),
    constraint evidence_operation_fkey foreign key (operation_id) references operations (id),
    constraint evidence_kind_known check (kind in ('answer', 'failure', 'lease_expired', 'read_back', 'resolution')),
    constraint evidence_send_phase_known check (send_phase is null or send_phase in ('not_sent', 'sent'))
);
create index evidence_operation on evidence (operation_id, id);
create trigger evidence_append_only before update or delete on evidence
    for each row execute function append_only();
create trigger evidence_no_truncate before truncate on evidence
    for each statement execute function append_only();

-- What all replicas must know of a partner account before they send.
create table provider_gates (
    provider               text        not null,
    -- Nothing at all is sent until then.
    closed_until           timestamptz,
    reason                 text,
    -- The last create whose outcome was lost, the last that succeeded since, the last reading since:
    -- creates go one at a time until the second is later than the first.
    last_unknown_create_at timestamptz,
    last_create_success_at timestamptz,
    last_read_at           timestamptz,
    updated_at             timestamptz not null default now(),
    constraint provider_gates_pkey primary key (provider)
);

create table idempotency_keys (
    tenant          text        not null,
    key             text        not null,
    fingerprint     bytea       not null,
    -- What the first request made: operations, or a change that needed none.
    operation_ids   uuid[]      not null,
    organization_id uuid,
    created_at      timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (tenant, key),
    -- Checked at the commit: the key is taken before the organization's row is written.
    constraint idempotency_keys_organization_fkey foreign key (organization_id) references organizations (id)
        deferrable initially deferred
);
create index idempotency_keys_created on idempotency_keys (created_at);

-- The key under which requests are fingerprinted: made once, the same for all replicas.
create table fingerprint_keys (
    id         boolean     not null default true,
    key        bytea       not null,
    created_at timestamptz not null default now(),
    constraint fingerprint_keys_pkey primary key (id),
    constraint fingerprint_keys_one check (id),
    constraint fingerprint_keys_length check (octet_length(key) = 32)
);
