-- An administrator assigns an unmapped organization to a tenant, which may then adopt it.

alter table discrepancies
    -- The actor who assigned it, and when. Null while nobody has.
    add column assigned_by text,
    add column assigned_at timestamptz,
    drop constraint discrepancies_of_an_organization,
    add constraint discrepancies_of_an_organization
        check ((organization_id is null) = (kind = 'unmapped')
               and (organization_version is null) = (kind = 'unmapped')
               and (tenant is not null or kind = 'unmapped')),
    add constraint discrepancies_assigned
        check ((assigned_by is null) = (assigned_at is null)
               and (kind <> 'unmapped' or (assigned_by is null) = (tenant is null)));

-- An adoption looks up what a sweep reported of its organization.
create index discrepancies_unmapped on discrepancies (provider, provider_org_id) where kind = 'unmapped';

comment on column reporting_v1.discrepancies.tenant is 'The platform that owns the organization, or to which an unmapped one is assigned; null where there is none.';
