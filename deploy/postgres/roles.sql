-- Makes the three roles of the gateway's database, for servers where the migrating user may not (see
-- docs/OPERATIONS.md, "Who may do what in the database"). Run it in that database as a superuser, before the
-- first `partner-gateway migrate` or at any time after it. Running it again is safe. Then run
-- `partner-gateway migrate` as the role that owns the tables: it gives each role its privileges.
--
-- This script never runs code that a less privileged role can replace. The owner of the database can put functions
-- and operators into the schema public and can set the search_path of the database, so only pg_catalog is searched.
set search_path = pg_catalog, pg_temp;

do $$
declare
    role_name text;
    grants    record;
begin
    foreach role_name in array array['gateway_owner', 'gateway_app', 'gateway_reader'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I login', role_name);
        end if;
    end loop;
    -- What gateway_owner makes is its own; on PostgreSQL 15 and later only the database's owner may make it.
    execute format('alter database %I owner to gateway_owner', current_database());

    select pg_get_userbyid(p.proowner) as owner, r.rolsuper as is_trusted, p.prosrc as body
    into grants
    from pg_proc p join pg_roles r on r.oid = p.proowner
    where p.pronamespace = to_regnamespace('public') and p.proname = 'apply_grants' and p.pronargs = 0;
    if grants.is_trusted then
        -- A superuser migrated this database. The body is read together with its owner and then executed, because
        -- the database's owner can drop a procedure of this name and make another one before a `call` finds it.
        execute format('do %L', grants.body);
    elsif grants.owner is not null then
        raise notice 'privileges are unchanged; run `partner-gateway migrate` as %, which owns apply_grants()',
            grants.owner;
    end if;
end $$;

alter role gateway_reader set statement_timeout = '15s';
alter role gateway_reader set default_transaction_read_only = on;
alter role gateway_reader set idle_in_transaction_session_timeout = '30s';

reset search_path;
