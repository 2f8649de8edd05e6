-- What the console's overview counts, by indexes alone.

-- What ended lately, of one tenant or of all.
create index operations_finished on operations (finished_at, tenant, state) where finished_at is not null;
-- Each status for who sees every tenant; the tenants' own counts have organizations_status.
create index organizations_status_all on organizations (status);
