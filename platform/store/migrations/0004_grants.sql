-- API keys of accounts, and service accounts. What a person may do stands in tenant.ts (fleets), never here.

alter table principals
  alter column role drop not null,                       -- null: what the owner holds
  add column owner text references users (id) on delete cascade, -- whose key; null: a token that speaks for a name
  add column scopes text[],                              -- null: all that it would hold otherwise
  add column database text,                              -- name inside the project: the key of one database
  add column made_by text,
  add column successor text,                             -- the key that it was rotated to
  add constraint principals_role_or_owner check (owner is not null or role is not null),
  add constraint principals_place check ((database is null or project is not null) and (project is null or tenant is not null));
create index principals_by_owner on principals (owner) where revoked_at is null;

create table service_accounts (                          -- accounts that are nobody: owned by a tenant
  id text primary key references users (id) on delete cascade,
  tenant text not null,
  name text not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (tenant, name)
);

create table service_grants (                            -- what a service account may do in its tenant
  account text not null references service_accounts (id) on delete cascade,
  role text not null,                                    -- a MemberRole
  project text,                                          -- null: the whole tenant
  unique nulls not distinct (account, role, project)
);

-- Whoever remembers who may do what forgets it (see 0011_limits).
create function notify_service_grants() returns trigger language plpgsql as $$
begin
  perform pg_notify('nebula_access', '');
  return null;
end $$;
create trigger access_changed after insert or delete or update on service_grants
  for each statement execute function notify_service_grants();
