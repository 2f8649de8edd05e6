-- Organization ids of providers in their canonical form: a UUID in lower case with hyphens. Earlier versions stored
-- them as they were entered, so one organization could be mapped twice.
--
-- A mapping that shares its organization with another one, or whose id is no UUID, is left as it is, with a warning.
-- The gateway sends nothing for it. docs/OPERATIONS.md, "A mapping with an id that is not canonical", has the remedy.

-- The canonical form of an id; null if it has none.
create function canonical_provider_org_id(id text) returns text language sql immutable as $$
    select nullif(nullif(
        case
            when lower(id) ~ '^(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                or lower(id) ~ '^\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$'
                or lower(id) ~ '^[0-9a-f]{32}$'
            then translate(replace(lower(id), 'urn:uuid:', ''), '{}', '')::uuid::text
        end,
        '00000000-0000-0000-0000-000000000000'), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
$$;

do $$
declare
    mapping record;
begin
    for mapping in
        select * from (
            select id, tenant, provider_org_id as stored, canonical_provider_org_id(provider_org_id) as canonical,
                   array_agg(id) over (partition by provider, canonical_provider_org_id(provider_org_id)) as sharing
            from organizations where provider_org_id is not null) as mappings
        where stored is distinct from canonical
        order by id
    loop
        if mapping.canonical is null then
            raise warning 'organization % has a provider_org_id that is no UUID; see docs/OPERATIONS.md', mapping.id;
        elsif cardinality(mapping.sharing) > 1 then
            raise warning 'organization % has the same organization at its provider as %; see docs/OPERATIONS.md',
                mapping.id, array_to_string(array_remove(mapping.sharing, mapping.id), ', ');
        else
            -- A change of a mapping like any other: with a version and an event.
            with changed as (
                update organizations
                set provider_org_id = mapping.canonical, last_event = last_event + 1, version = version + 1,
                    updated_at = now()
                where id = mapping.id and provider_org_id = mapping.stored
                returning last_event)
            insert into events (type, tenant, organization_id, organization_sequence, actor, request_id, before, after)
            select 'organization.updated', mapping.tenant, mapping.id, last_event, 'gateway:migration', 'migration-0010',
                   jsonb_build_object('provider_org_id', mapping.stored),
                   jsonb_build_object('provider_org_id', mapping.canonical)
            from changed;
        end if;
    end loop;
end $$;

-- A discrepancy of a mapping has the mapping's id; one of an unmapped organization has its own canonical id. Of two
-- that become the same, the one that was seen last stays.
create view renamed_discrepancies as
    select d.id, d.provider, d.kind, d.state, d.last_seen_at,
           canonical_provider_org_id(d.provider_org_id) as canonical
    from discrepancies d left join organizations o on o.id = d.organization_id
    where d.provider_org_id <> canonical_provider_org_id(d.provider_org_id)
      and (o.id is null or o.provider_org_id = canonical_provider_org_id(d.provider_org_id));

with live as (
    select id, state,
           row_number() over (partition by provider, kind, canonical order by last_seen_at desc, id) > 1
           or exists (select from discrepancies e
                      where e.provider = r.provider and e.kind = r.kind and e.provider_org_id = r.canonical
                        and e.state <> 'resolved') as is_double
    from renamed_discrepancies r where state <> 'resolved'),
forgotten as (
    delete from discrepancies where id in (select id from live where is_double and state = 'suspected'))
update discrepancies
set state = 'resolved', resolution = 'gone', resolved_by = 'gateway:migration', resolved_at = now(), reason = null
where id in (select id from live where is_double and state <> 'suspected');

update discrepancies d set provider_org_id = r.canonical from renamed_discrepancies r where d.id = r.id;

drop view renamed_discrepancies;
drop function canonical_provider_org_id(text);
