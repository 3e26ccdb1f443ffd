-- Recoveries of the platform itself: when the ledger was put back from a backup or made anew, and where fences go on from there.

create table recoveries (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null check (kind in ('restore', 'rebuild')),
  recovered_to timestamptz,                              -- the newest moment that came back; null: nothing of the old ledger did
  fence_floor bigint not null,                           -- above every fence that was handed out before
  details jsonb not null default '{}'
);
revoke insert, update, delete on recoveries from nebula_app;

-- A stack or a singleton that the recovered ledger does not know may have had fences before: a new row begins above them.
create function begin_above_recoveries() returns trigger language plpgsql as $$
begin
  new.fence := greatest(new.fence, (select max(fence_floor) from recoveries));
  return new;
end $$;
create trigger begin_above before insert on stacks for each row execute function begin_above_recoveries();
create trigger begin_above before insert on singleton_leases for each row execute function begin_above_recoveries();
