-- The audit as a chain (decision 0013). A line holds the hash over the line before it and itself, so that nothing can be changed,
-- inserted, swapped or taken away in the middle; the head is signed under a key that the database does not have, so that the end
-- cannot be cut off either.
--
-- 1. Lines come in by audit_append alone, numbered without gaps under the lock of the head. Nobody updates one; a line is deleted
--    only by audit_prune, in a closed segment that is older than a year.
-- 2. A line says who by a pseudonym; the person stands in `personal`, encrypted under a key of that person's own. Erasing somebody
--    destroys the key: the line and its hash stay.
-- 3. The hash is over the line's fields as netstrings (audit_canonical), so anybody can check an export with sha256 alone.

alter table audit_logs rename to audit_before;           -- of the first release: moved into the chain at the next start
alter index audit_logs_newest rename to audit_before_newest;

create table subjects (
  id text primary key,                                   -- sub_..., random: says nothing of the person
  lookup text unique,                                    -- keyed hash of the name or e-mail; null: erased
  key_sealed text,                                       -- vault context: subject:<id>; null: erased
  name text,                                             -- their name, encrypted under the key; null: erased
  created_at timestamptz not null default clock_timestamp(),
  erased_at timestamptz,
  check ((lookup is null) = (key_sealed is null) and (lookup is null) = (erased_at is not null) and (lookup is null) = (name is null))
);

create table audit_logs (
  seq bigint primary key,
  at timestamptz not null,                               -- to the millisecond
  subject text not null,
  personal text not null,                                -- actor, the actor's id, address and agent, encrypted
  action text not null,                                  -- the operation id of the route table, for example databases.create
  resource text not null,
  tenant text,
  project text,
  details json not null,                                 -- json, not jsonb: the hash is over these very bytes
  result text not null check (result in ('accepted', 'refused', 'failed')),
  operation text,
  commit text,
  hash bytea not null
);
create index audit_logs_by_subject on audit_logs (subject, seq);
create index audit_logs_by_tenant on audit_logs (tenant, seq);
create index audit_logs_by_action on audit_logs (action, seq);
create index audit_logs_by_operation on audit_logs (operation) where operation is not null;
create index audit_logs_by_time on audit_logs (at);

create table audit_head (                                -- one row
  one boolean primary key default true check (one),
  seq bigint not null,
  hash bytea not null,
  signature text                                         -- null: no line was ever signed
);
insert into audit_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'));

create table audit_anchors (                             -- the head, each hour; also in the log, which is somewhere else
  seq bigint primary key,
  hash bytea not null,
  at timestamptz not null,
  signature text not null
);

create table audit_segments (                            -- finished months: what remains to be said of lines that are gone
  first_seq bigint not null,
  last_seq bigint primary key,
  from_at timestamptz not null,
  to_at timestamptz not null,
  before_hash bytea not null,                            -- of the line before the first
  last_hash bytea not null,
  signature text not null,
  pruned_at timestamptz
);

create function audit_netstring(value text) returns text language sql immutable
return case when value is null then '-' else octet_length(convert_to(value, 'utf8')) || ':' || value end;

create function audit_time(at timestamptz) returns text language sql immutable
return to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

create function audit_canonical(line audit_logs) returns text language sql immutable
return array_to_string(array[
  audit_netstring(line.seq::text), audit_netstring(audit_time(line.at)), audit_netstring(line.subject),
  audit_netstring(line.personal), audit_netstring(line.action), audit_netstring(line.resource), audit_netstring(line.tenant),
  audit_netstring(line.project), audit_netstring(line.details::text), audit_netstring(line.result),
  audit_netstring(line.operation), audit_netstring(line.commit)], ',');

-- Appends lines (a JSON array) and says where the chain ends now. The caller signs that in the same transaction. Only lines of
-- the first release bring a time of their own.
create function audit_append(lines json) returns table (head_seq bigint, head_hash bytea) language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  head audit_head;
  one json;
  line audit_logs;
begin
  select * into head from audit_head for update;
  for one in select value from json_array_elements(lines) loop
    if one ->> 'at' is not null and not exists (select from audit_before) then
      raise exception 'a line of the audit gets its time from the database' using errcode = '42501';
    end if;
    line := null;
    line.seq := head.seq + 1;
    line.at := date_trunc('milliseconds', coalesce((one ->> 'at')::timestamptz, clock_timestamp()));
    line.subject := one ->> 'subject';
    line.personal := one ->> 'personal';
    line.action := one ->> 'action';
    line.resource := one ->> 'resource';
    line.tenant := one ->> 'tenant';
    line.project := one ->> 'project';
    line.details := coalesce(one -> 'details', '{}');
    line.result := one ->> 'result';
    line.operation := one ->> 'operation';
    line.commit := one ->> 'commit';
    line.hash := sha256(head.hash || convert_to(audit_canonical(line), 'utf8'));
    insert into audit_logs values (line.*);
    head.seq := line.seq;
    head.hash := line.hash;
  end loop;
  update audit_head set seq = head.seq, hash = head.hash;
  return query select head.seq, head.hash;
end $$;

create function audit_sign(signed_seq bigint, signed_hash bytea, signed text) returns void language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  update audit_head set signature = signed where seq = signed_seq and hash = signed_hash;
  if not found then
    raise exception 'the head of the audit is not at %', signed_seq using errcode = '55000';
  end if;
end $$;

create function audit_anchor(anchor_seq bigint, anchor_at timestamptz, signed text) returns void language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  insert into audit_anchors (seq, hash, at, signature)
    select seq, hash, anchor_at, signed from audit_logs where seq = anchor_seq on conflict do nothing;
end $$;

-- The oldest finished month that is not closed yet, as it would be closed.
create function audit_open_segment() returns table (first_seq bigint, last_seq bigint, from_at timestamptz, to_at timestamptz,
  before_hash bytea, last_hash bytea) language sql stable
begin atomic
  with before as (
    select coalesce(max(s.last_seq), 0) as seq,
      coalesce((array_agg(s.last_hash order by s.last_seq desc))[1], decode(repeat('00', 32), 'hex')) as hash
    from audit_segments s
  ), opening as (
    select l.seq, l.at, (date_trunc('month', l.at at time zone 'utc') + interval '1 month') at time zone 'utc' as until
    from audit_logs l, before where l.seq = before.seq + 1
  ), closing as (
    select coalesce((select min(l.seq) - 1 from audit_logs l, opening where l.seq > opening.seq and l.at >= opening.until),
      (select max(l.seq) from audit_logs l)) as seq
    from opening where clock_timestamp() >= opening.until + interval '1 day'
  )
  -- Lines of the first release may stand after newer ones: a segment is as young as its youngest line.
  select opening.seq, closing.seq, span.from_at, span.to_at, before.hash, last.hash
  from before, opening, closing join audit_logs last on last.seq = closing.seq,
    lateral (select min(l.at) as from_at, max(l.at) as to_at from audit_logs l
      where l.seq between opening.seq and closing.seq) span;
end;

create function audit_close_segment(closed_seq bigint, signed text) returns void language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  perform 1 from audit_head for update;
  insert into audit_segments (first_seq, last_seq, from_at, to_at, before_hash, last_hash, signature)
    select o.first_seq, o.last_seq, o.from_at, o.to_at, o.before_hash, o.last_hash, signed
    from audit_open_segment() o where o.last_seq = closed_seq;
  if not found then
    raise exception 'no finished segment of the audit ends at %', closed_seq using errcode = '55000';
  end if;
end $$;

-- Deletes the lines of closed segments that are older; never younger than a year, whatever is asked. How many they were.
create function audit_prune(retention_days int) returns bigint language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  upto bigint;
  gone bigint;
begin
  select max(last_seq) into upto from audit_segments
    where to_at < clock_timestamp() - make_interval(days => greatest(retention_days, 366));
  perform set_config('nebula.audit_prune', upto::text, true);
  delete from audit_logs where seq <= upto;
  get diagnostics gone = row_count;
  perform set_config('nebula.audit_prune', '', true);
  update audit_segments set pruned_at = clock_timestamp() where last_seq <= upto and pruned_at is null;
  return gone;
end $$;

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and tg_table_name = 'audit_logs'
    and old.seq <= nullif(current_setting('nebula.audit_prune', true), '')::bigint then
    return old;
  end if;
  raise exception 'the audit is not changed (% of %)', lower(tg_op), tg_table_name using errcode = '42501';
end $$;
create trigger refuse before update or delete on audit_logs for each row execute function refuse_audit_change();
create trigger refuse_truncate before truncate on audit_logs for each statement execute function refuse_audit_change();
create trigger refuse before update or delete on audit_anchors for each row execute function refuse_audit_change();
create trigger refuse_truncate before truncate on audit_anchors for each statement execute function refuse_audit_change();
create trigger refuse before delete on audit_segments for each row execute function refuse_audit_change();
create trigger refuse_truncate before truncate on audit_segments for each statement execute function refuse_audit_change();
create trigger refuse before delete on audit_head for each row execute function refuse_audit_change();
create trigger refuse_truncate before truncate on audit_head for each statement execute function refuse_audit_change();

revoke insert, update, delete on audit_logs, audit_head, audit_anchors, audit_segments from nebula_app;
