-- Makes the three roles of the gateway's database, for servers where the migrating user may not (see
-- docs/OPERATIONS.md, "Who may do what in the database"). Run it in that database as a superuser, before the
-- first `partner-gateway migrate` or at any time after it; again does no harm.

do $$
declare
    role_name text;
begin
    foreach role_name in array array['gateway_owner', 'gateway_app', 'gateway_reader'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I login', role_name);
        end if;
    end loop;
    -- What gateway_owner makes is its own; on PostgreSQL 15 and later only the database's owner may make it.
    execute format('alter database %I owner to gateway_owner', current_database());
    if exists (select from pg_proc where proname = 'apply_grants') then
        call public.apply_grants();
    end if;
end $$;

alter role gateway_reader set statement_timeout = '15s';
alter role gateway_reader set default_transaction_read_only = on;
alter role gateway_reader set idle_in_transaction_session_timeout = '30s';
