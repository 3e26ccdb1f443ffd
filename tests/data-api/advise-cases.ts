/** For each lint a thing that is amiss and one that is not. `{x}` is a name that no other case has. */
export type AdviceCase = {
  /** Makes it amiss. */
  readonly bad: readonly string[];
  /** What the advice is about. */
  readonly object: string;
  /** Makes the like, and right. */
  readonly good: readonly string[];
  /** Done by the administrator: what no owner can do. */
  readonly asAdmin?: readonly string[];
  /** What somebody has to put right before the advised SQL can run. */
  readonly first?: readonly string[];
  /** The advice takes a person, or an administrator. */
  readonly byHand?: true;
};

const guarded = (name: string) => [
  `create table ${name} (id bigint primary key, owner text)`,
  `alter table ${name} enable row level security`,
];
const served = (name: string) => [...guarded(name), `grant select on ${name} to authenticated`];
const own = "(owner = (select current_setting('request.jwt.claims', true)))";
const policed = (name: string, policy = `using ${own}`) => [...served(name), `create policy p on ${name} ${policy}`];
const plain = (name: string, columns = "") => [`create table ${name} (id bigint primary key${columns})`];
const twoInvalid = (name: string) => [...plain(name, ", n int"), `insert into ${name} values (1, 1), (2, 1)`];

export const adviceCases: Readonly<Record<string, AdviceCase>> = {
  "rls-disabled": {
    bad: [...plain("bad"), "grant select on bad to authenticated"],
    object: "public.bad",
    good: served("good"),
  },
  "exposed-writable-without-rls": {
    bad: [...plain("named.bad"), "grant select, insert on named.bad to authenticated"],
    object: "named.bad",
    good: [...plain("named.good"), "grant select on named.good to authenticated"],
  },
  "definer-view": {
    bad: ["create view bad as select 1 as n", "grant select on bad to authenticated"],
    object: "public.bad",
    good: [
      "create view good with (security_invoker = on) as select 1 as n",
      "grant select on good to authenticated",
      "create view good_and_private as select 1 as n",
    ],
  },
  "materialized-view-in-api": {
    bad: ["create materialized view bad as select 1 as n", "grant select on bad to authenticated"],
    object: "public.bad",
    good: ["create materialized view good as select 1 as n"],
  },
  "foreign-table-in-api": {
    asAdmin: [
      "create extension file_fdw with schema public",
      "create server files foreign data wrapper file_fdw",
      ...["bad", "good"].flatMap((name) => [
        `create foreign table public.${name} (line text) server files options (filename '/dev/null')`,
        `alter foreign table public.${name} owner to orders`,
      ]),
    ],
    bad: ["grant select on bad to authenticated"],
    object: "public.bad",
    good: [],
  },
  "sensitive-columns-exposed": {
    bad: [...plain("bad", ", api_key text, name text"), "grant select on bad to authenticated"],
    object: "public.bad",
    good: [
      ...plain("good", ", api_key text"),
      "alter table good enable row level security",
      "grant select on good to authenticated",
    ],
  },
  "granted-to-public": {
    bad: [...plain("bad"), "grant select on bad to public"],
    object: "public.bad",
    good: served("good"),
  },
  "definer-function-in-api": {
    bad: ["create function bad() returns int language sql security definer set search_path = '' as 'select 1'"],
    object: "public.bad()",
    good: [
      "create function good() returns int language sql security definer set search_path = '' as 'select 1'",
      "revoke execute on function good() from public",
    ],
  },
  "mutable-search-path": {
    bad: ["create function bad(n int) returns int language sql as 'select n'"],
    object: "public.bad(n integer)",
    good: [
      "create function good(n int) returns int language sql set search_path = '' as 'select n'",
      "create function good_too(n int) returns int return n",
    ],
  },
  "foreign-key-to-hidden": {
    bad: [...plain("bad_parent"), ...served("bad"), "alter table bad add column parent bigint references bad_parent"],
    object: "public.bad",
    good: [
      ...served("good_parent"),
      ...served("good"),
      "alter table good add column parent bigint references good_parent",
    ],
  },
  "rls-without-policy": { bad: guarded("bad"), object: "public.bad", good: policed("good"), byHand: true },
  "policy-without-rls": {
    bad: [...plain("bad", ", owner text"), `create policy p on bad using ${own}`],
    object: "public.bad",
    good: policed("good"),
  },
  "multiple-permissive-policies": {
    bad: [...policed("bad"), `create policy q on bad for select using ${own}`],
    object: "public.bad",
    good: [
      ...policed("good", `for insert with check ${own}`),
      `create policy q on good for select using ${own}`,
      `create policy r on good as restrictive for select using ${own}`,
    ],
    byHand: true,
  },
  "rls-initplan": {
    bad: policed("bad", "using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub')"),
    object: "public.bad",
    good: policed("good", "using (owner = (select current_setting('request.jwt.claims', true)::json ->> 'sub'))"),
    byHand: true,
  },
  "rls-always-true": {
    bad: policed("bad", "using (true)"),
    object: "public.bad",
    good: policed("good", "for select using (true)"),
  },
  "rls-user-metadata": {
    bad: policed(
      "bad",
      "using (owner = (select current_setting('request.jwt.claims', true)::json -> 'user_metadata' ->> 'team'))",
    ),
    object: "public.bad",
    good: policed(
      "good",
      "using (owner = (select current_setting('request.jwt.claims', true)::json -> 'app_metadata' ->> 'team'))",
    ),
    byHand: true,
  },
  "anonymous-writes": {
    bad: [...policed("bad", `for insert to anon with check ${own}`), "grant insert on bad to anon"],
    object: "public.bad",
    good: [...policed("good", `for insert to authenticated with check ${own}`), "grant insert on good to anon"],
  },
  "unindexed-foreign-key": {
    bad: [...plain("bad_parent"), ...plain("bad", ", parent bigint references bad_parent")],
    object: "public.bad",
    good: [
      ...plain("good_parent"),
      ...plain("good", ", parent bigint references good_parent, n int"),
      "create index on good (parent, n)",
    ],
  },
  "no-primary-key": { bad: ["create table bad (n int)"], object: "public.bad", good: plain("good") },
  "duplicate-index": {
    bad: [...plain("bad", ", n int"), "create index on bad (n)", "create index on bad (n)"],
    object: "public.bad",
    good: [
      ...plain("good", ", n int"),
      "create index on good (n)",
      "create index on good (n) where n > 1",
      "create index on good (n desc)",
    ],
  },
  "unused-index": {
    bad: [
      ...plain("bad", ", n int"),
      "insert into bad select n, n from generate_series(1, 20000) n",
      "create index bad_n on bad (n)",
    ],
    object: "public.bad_n",
    good: [
      ...plain("good", ", n int"),
      "insert into good select n, n from generate_series(1, 20000) n",
      "create index good_n on good (n)",
      "set enable_seqscan = off",
      "select * from good where n = 7",
      "reset enable_seqscan",
      "select pg_stat_force_next_flush()",
    ],
  },
  "invalid-index": {
    bad: [...twoInvalid("bad"), "?create unique index concurrently bad_n on bad (n)"],
    object: "public.bad_n",
    good: [...twoInvalid("good"), "create index concurrently good_n on good (n)"],
    first: ["delete from bad where id = 2"],
  },
  "unvalidated-constraint": {
    bad: [...plain("bad"), "alter table bad add constraint positive check (id > 0) not valid"],
    object: "public.bad",
    good: [...plain("good"), "alter table good add constraint positive check (id > 0)"],
  },
  "disabled-trigger": {
    bad: [
      ...plain("bad"),
      "create trigger t before update on bad for each row execute function suppress_redundant_updates_trigger()",
      "alter table bad disable trigger t",
    ],
    object: "public.bad",
    good: [
      ...plain("good"),
      "create trigger t before update on good for each row execute function suppress_redundant_updates_trigger()",
    ],
  },
  "sequence-exhaustion": {
    bad: ["create table bad (id serial primary key)", "select setval('bad_id_seq', 2000000000)"],
    object: "public.bad.id",
    good: [
      "create table good (id bigserial primary key)",
      "select setval('good_id_seq', 2000000000)",
      "create table good_too (id int generated always as identity primary key)",
    ],
  },
  "unsupported-reg-types": {
    bad: plain("bad", ", f regproc"),
    object: "public.bad.f",
    good: plain("good", ", f regclass"),
  },
  "outdated-extension": {
    asAdmin: [
      "create extension hstore with schema public version '1.4'",
      "create extension pg_trgm with schema public",
    ],
    bad: [],
    object: "hstore",
    good: [],
    byHand: true,
  },
  "table-bloat": {
    bad: [
      ...plain("bad"),
      "alter table bad set (autovacuum_enabled = off)",
      "insert into bad select generate_series(1, 40000)",
      "delete from bad where id <= 20000",
      "select pg_stat_force_next_flush()",
    ],
    object: "public.bad",
    good: [
      ...plain("good"),
      "alter table good set (autovacuum_enabled = off)",
      "insert into good select generate_series(1, 40000)",
      "select pg_stat_force_next_flush()",
    ],
  },
};
