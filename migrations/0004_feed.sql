-- The feed of all events: numbered 1, 2, 3 … without a gap after they are committed, and chained by hashes.
--
-- An event's own id is drawn before its commit, so a reader that goes by it can pass over one that commits
-- late. A sealer gives the numbers that readers go by, one transaction after the other.

alter table events rename column sequence to id;
alter sequence events_sequence_seq rename to events_id_seq;

-- Events that have no number yet, so that finding them costs what they are and not what all events are.
create table events_unsealed (
    event_id bigint not null,
    constraint events_unsealed_pkey primary key (event_id),
    constraint events_unsealed_event_fkey foreign key (event_id) references events (id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
insert into events_unsealed (event_id) select id from events;

-- Whoever writes an event, and by whatever program: it is to be sealed, and the sealers hear of it.
create function events_written() returns trigger language plpgsql as $$
begin
    insert into events_unsealed (event_id) values (new.id);
    perform pg_notify('events', '');
    return null;
end $$;
create trigger events_written after insert on events
    for each row execute function events_written();

create table event_feed (
    sequence        bigint not null,
    event_id        bigint not null,
    -- Of the event, so that a reader's filter has an index in the order of the feed.
    tenant          text   not null,
    organization_id uuid   not null,
    type            text   not null,
    -- SHA-256 over the hash before, the number and the whole event.
    hash            bytea  not null,
    constraint event_feed_pkey primary key (sequence),
    constraint event_feed_event_fkey foreign key (event_id) references events (id),
    constraint event_feed_sequence_positive check (sequence > 0),
    constraint event_feed_hash_length check (octet_length(hash) = 32)
);
create unique index event_feed_event_key on event_feed (event_id);
create index event_feed_tenant on event_feed (tenant, sequence);
create index event_feed_tenant_type on event_feed (tenant, type, sequence);
create index event_feed_type on event_feed (type, sequence);
create index event_feed_organization on event_feed (organization_id, sequence);
create trigger event_feed_append_only before update or delete on event_feed
    for each row execute function append_only();
create trigger event_feed_no_truncate before truncate on event_feed
    for each statement execute function append_only();

-- The last number and its hash. Its row's lock makes sealers take turns, and it shows a tail that was cut off.
create table event_feed_head (
    id       boolean not null default true,
    sequence bigint  not null,
    hash     bytea   not null,
    constraint event_feed_head_pkey primary key (id),
    constraint event_feed_head_one check (id),
    constraint event_feed_head_sequence check (sequence >= 0),
    constraint event_feed_head_hash_length check (octet_length(hash) = 32)
);
insert into event_feed_head (sequence, hash) values (0, decode(repeat('00', 32), 'hex'));

create function event_feed_head_guard() returns trigger language plpgsql as $$
begin
    if new.sequence <= old.sequence then
        raise exception 'the head of the feed cannot go back from %', old.sequence
            using errcode = 'integrity_constraint_violation', constraint = 'event_feed_head_rises';
    end if;
    return new;
end $$;
create trigger event_feed_head_rises before update on event_feed_head
    for each row execute function event_feed_head_guard();
create trigger event_feed_head_stays before delete on event_feed_head
    for each row execute function append_only();
create trigger event_feed_head_no_truncate before truncate on event_feed_head
    for each statement execute function append_only();
