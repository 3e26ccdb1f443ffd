-- Storage that fills up, and a queue that does not.

-- As last measured. `read-only`: it is full, and what is not asked for explicitly writes nothing. `closed`: it grew on all the same,
-- and its server takes no write from anybody. null: nobody has measured it yet.
alter table instances
  add column storage_used_bytes bigint,
  add column storage_mode text check (storage_mode in ('writable', 'read-only', 'closed'));

-- What a tenant has asked for and what is not done yet: counted before more is taken, and by what is queued next.
create index operations_open on operations (split_part(stack, '.', 1), state) where state in ('QUEUED', 'IN_PROGRESS');
