-- Who may do what in this database. Three roles, without a password, so that nobody can sign in as one of them
-- until an administrator gives it one (or a certificate, or members):
--
--   gateway_owner   migrates: owns what it makes
--   gateway_app     serves: no DDL; only adds to attempts, evidence, events and the feed
--   gateway_reader  dashboards: the views of reporting_v1 and nothing else, 15 s a statement, never a write
--
-- They belong to the server and not to a database. Where the migrating user may not make them,
-- deploy/postgres/roles.sql does it, before or after this.

do $$
declare
    role_name text;
begin
    foreach role_name in array array['gateway_owner', 'gateway_app', 'gateway_reader'] loop
        begin
            if not exists (select from pg_roles where rolname = role_name) then
                execute format('create role %I login', role_name);
                if role_name = 'gateway_reader' then
                    alter role gateway_reader set statement_timeout = '15s';
                    alter role gateway_reader set default_transaction_read_only = on;
                    alter role gateway_reader set idle_in_transaction_session_timeout = '30s';
                end if;
            end if;
        exception
            -- Another database of the same server is migrated at this moment.
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then
                raise warning 'role % is not made: % may not; see deploy/postgres/roles.sql', role_name, current_user;
        end;
    end loop;
end $$;

-- Gives the roles that exist what is theirs of everything there is now. A migration that adds a table or a view
-- replaces it and calls it; whoever makes the roles later calls it too.
create procedure apply_grants() language plpgsql as $$
declare
    -- All of it reads; this is what it writes.
    writes constant jsonb := '{
        "organizations": "insert, update",
        "customer_claims": "insert, update, delete",
        "members": "insert, update",
        "operations": "insert, update",
        "attempts": "insert",
        "evidence": "insert",
        "events": "insert",
        "events_unsealed": "insert, update, delete",
        "event_feed": "insert",
        "event_feed_head": "update",
        "provider_gates": "insert, update",
        "idempotency_keys": "insert, update, delete",
        "fingerprint_keys": "insert",
        "sweeps": "insert, update, delete",
        "sweep_schedule": "insert, update",
        "discrepancies": "insert, update, delete",
        "webhooks": "insert, update, delete",
        "webhook_deliveries": "insert, update, delete"
    }';
    written record;
begin
    if exists (select from pg_roles where rolname = 'gateway_app') then
        grant usage on schema public to gateway_app;
        grant select on all tables in schema public to gateway_app;
        for written in select key as name, value as privileges from jsonb_each_text(writes) loop
            execute format('grant %s on public.%I to gateway_app', written.privileges, written.name);
        end loop;
    end if;
    if exists (select from pg_roles where rolname = 'gateway_reader') then
        grant usage on schema reporting_v1 to gateway_reader;
        grant select on all tables in schema reporting_v1 to gateway_reader;
    end if;
end $$;
revoke all on procedure apply_grants() from public;
call apply_grants();
