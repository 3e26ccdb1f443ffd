/**
 * What somebody who may only read tries in the SQL editor: to write, to read what is not a tenant's, to meet another user's session, to use
 * up the machine. The oracles look from outside the session: the table as its owner sees it, its catalogue, words that must not come back,
 * files, sessions that are left.
 */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SqlRequest } from "../../gateway/statements/index.ts";
import { asTenant } from "../compute/ground.ts";
import { makeSqlGround, requestOf, type SqlGround } from "../data-api/sql-ground.ts";
import { eventually } from "../harness/eventually.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const canary = join(tmpdir(), `nebula-sql-editor-${process.pid}`);
const write = "insert into guarded values ('x')";

/** Each tries to leave something behind. */
const writes: readonly string[] = [
  write,
  "update guarded set word = 'x'",
  "delete from guarded",
  "truncate guarded",
  "merge into guarded using (select 1) s on false when not matched then insert values ('x')",
  `with a as (${write} returning 1) select * from a`,
  `select 1; ${write}`,
  `set transaction read write; ${write}`,
  `begin read write; ${write}; commit`,
  `commit; ${write}`,
  `rollback; start transaction read write; ${write}; commit`,
  `set session characteristics as transaction read write; commit; ${write}`,
  `set default_transaction_read_only = off; ${write}`,
  `select set_config('transaction_read_only', 'off', false); ${write}`,
  `select set_config('default_transaction_read_only', 'off', false); end; ${write}`,
  `savepoint a; set transaction read write; ${write}`,
  `reset role; ${write}`,
  `set role orders; ${write}`,
  `set role none; ${write}`,
  `set role nebula_write; ${write}`,
  `set session authorization orders; ${write}`,
  `set session authorization default; ${write}`,
  `select set_config('role', 'orders', false); ${write}`,
  `select set_config('session_authorization', 'orders', false); ${write}`,
  `reset all; ${write}`,
  `discard all; ${write}`,
  "select write_as_owner()",
  "select (select write_as_owner()) from guarded",
  "table writing_view",
  "call write_by_procedure()",
  `do $$ begin ${write}; end $$`,
  "do $$ begin commit; set transaction read write; insert into guarded values ('x'); commit; end $$",
  `prepare p as ${write}; execute p`,
  "prepare p as select write_as_owner(); execute p",
  `explain analyze ${write}`,
  "explain (analyze) select write_as_owner()",
  "explain analyze execute p",
  "declare c cursor with hold for select write_as_owner(); fetch all from c",
  "declare c cursor for select write_as_owner(); fetch all from c; close c",
  `select query_to_xml('${write.replaceAll("'", "''")} returning 1', true, false, '')`,
  `select * from ts_stat('${write.replaceAll("'", "''")} returning to_tsvector(word)')`,
  "select nextval('counter')",
  "select setval('counter', 4711)",
  "create table made_by_reader (a int)",
  "create table made_by_reader as select 1",
  "select 1 into made_by_reader",
  "create function made_by_reader() returns int return 1",
  "create schema made_by_reader",
  "drop table guarded",
  "alter table guarded add made_by_reader int",
  "grant insert on guarded to public",
  "comment on table guarded is 'made_by_reader'",
  "create index made_by_reader on guarded (word)",
  "refresh materialized view kept_view",
  "alter role current_user set search_path = made_by_reader",
  "alter role nebula_sql_read password 'x'",
  "alter database orders set search_path = made_by_reader",
  "grant orders to nebula_sql_read",
  "select lo_create(4711)",
  "select lo_from_bytea(4711, 'x')",
  "select lo_import('/etc/passwd', 4711)",
  `copy guarded from program 'echo x'`,
  `copy (select 1) to program 'touch ${canary}'`,
  `copy (select 1) to '${canary}'`,
  `select lo_export(4711, '${canary}')`,
  "select pg_create_restore_point('x')",
  "lock table guarded in access exclusive mode",
  // what a reader of the text might take for a quote, a comment or the end of a statement
  `select '\\'; ${write}; --'`,
  `select E'\\'; --'; ${write}`,
  `select $$;$$; ${write}`,
  `select $a$ $b$; $a$; ${write}; select $b$ $b$`,
  `/* /* */ ${write}; /* */ */ select 1`,
  `/* */ ${write} /* */`,
  `-- nothing\r${write}`,
  `select 1 -- nothing\u2028;${write}`,
  `select U&'\\0027'; ${write}`,
  `select "a;"; ${write}`,
  `\ufeff${write}`,
  `select 1\0; ${write}`,
  `select '\u0000'; ${write}`,
  `;;${write};;`,
  `(((select write_as_owner())))`,
  `select 1 union all select write_as_owner()`,
];

/** Each tries to see what is not the tenant's. The words would stand in an answer. */
const looks: readonly string[] = [
  "select rolpassword from pg_authid",
  "select passwd from pg_shadow",
  "select usename, passwd from pg_user",
  "select pg_read_file('/etc/passwd')",
  "select pg_read_binary_file('/etc/passwd')",
  "select * from pg_ls_dir('/etc')",
  "select pg_stat_file('/etc/passwd')",
  "select * from pg_hba_file_rules",
  "select * from pg_file_settings",
  "select current_setting('data_directory')",
  "copy guarded from '/etc/passwd'",
  "select convert_from(lo_get(lo_import('/etc/passwd')), 'utf8')",
];
const secretWords = /SCRAM-SHA-256|root:x:0|local\b.*\bscram/;

/** Each tries to use more than its share. */
const greedy: readonly string[] = [
  "select repeat('x', 100000) from generate_series(1, 100000)",
  "with recursive r as (select 1 as a union all select a + 1 from r) select count(*) from r",
  "select count(*) from generate_series(1, 100000000000)",
  "select * from generate_series(1, 100000000000)",
  "set statement_timeout = 0; select pg_sleep(1000000)",
  "select set_config('statement_timeout', '0', false); select pg_sleep(1000000)",
  "select repeat('x', 200000000)",
  "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b",
  "select 1;".repeat(5_000),
  `select ${"f(".repeat(20_000)}1${")".repeat(20_000)}`,
  "select array_fill(1, array[100000000])",
  "select pg_advisory_lock(1); select pg_sleep(1000000)",
];

async function prepare(on: SqlGround): Promise<void> {
  await on.write(
    `create table guarded (word text); insert into guarded values ('kept'); create sequence counter;
     create function write_as_owner() returns int security definer language sql as $$ insert into guarded values ('x') returning 1 $$;
     create procedure write_by_procedure() security definer language sql as $$ insert into guarded values ('x') $$;
     create view writing_view as select write_as_owner();
     create materialized view kept_view as select count(*) from guarded; grant execute on all routines in schema public to public`,
  );
}

/** All that an attempt might have left. */
const stateOf = (on: SqlGround): Promise<string> =>
  asTenant(on.ground.driver, on.wanted, async (sql) => {
    const state = await sql.one<{ state: string }>(
      `select json_build_array(
         (select array_agg(word order by word) from guarded), (select last_value from counter),
         (select array_agg(oid::text || relname || coalesce(relacl::text, '') order by oid) from pg_class where relnamespace::regnamespace::text !~ '^pg_'),
         (select array_agg(nspname order by 1) from pg_namespace where nspname !~ '^pg_'), (select count(*) from pg_proc),
         (select array_agg(rolname::text || coalesce(rolconfig::text, '') order by 1) from pg_roles), (select count(*) from pg_db_role_setting),
         (select count(*) from pg_auth_members), (select count(*) from pg_largeobject_metadata), (select count(*) from pg_attribute),
         obj_description('guarded'::regclass))::text as state`,
    );
    return state.state;
  });

/** The same, written in another way. */
function disguised(sql: string, random: Random): string {
  const spaces = random.pick([" ", "\n", "\t", " /* ; */ ", "\r\n", " -- ;\n"]);
  const shouted = random.pick([false, true])
    ? sql.replaceAll(/\b(insert|select|set|begin|commit|role)\b/g, (word) => word.toUpperCase())
    : sql;
  return random.pick([shouted, `${spaces}${shouted}`, `${shouted}${spaces}`, `select 1;${spaces}${shouted}`]);
}

type Heard = { readonly text: string };

/** What comes back, whatever it is. */
const attempt = (on: SqlGround, sql: string, guarded: boolean, rest: Partial<SqlRequest> = {}): Promise<Heard> =>
  (guarded ? on.read(sql, rest) : on.write(sql, rest)).then(
    (answer) => ({ text: JSON.stringify(answer) }),
    (thrown) => ({ text: String(thrown) }),
  );

async function tryReader({ n, random, guarded }: RowInput): Promise<Trials> {
  const on = await makeSqlGround();
  const violations: string[] = [];
  try {
    await prepare(on);
    let before = await stateOf(on);
    const all = [...writes, ...looks];
    for (let trial = 0; trial < n; trial++) {
      const sql = trial < all.length ? (all[trial] ?? "") : disguised(random.pick(all), random);
      const rest = random.pick<Partial<SqlRequest>>([
        {},
        {},
        { transaction: "each" },
        { cursor: true, maxRows: 1 },
        { explain: "analyze" },
      ]);
      const { text } = await attempt(on, sql, guarded, { ...rest, timeoutMs: 20_000 });
      if (secretWords.test(text)) violations.push(`told a secret: ${sql}`);
      const after = await stateOf(on).catch((thrown) => String(thrown));
      if (after !== before) violations.push(`changed something: ${sql} ${JSON.stringify(rest)}`);
      if (existsSync(canary)) violations.push(`made a file: ${sql}`);
      before = after;
    }
    return { trials: n, violations };
  } finally {
    await on.close();
  }
}

catalogueRow({
  suite: "attacks",
  name: "SQL editor abuse: writing by who only reads",
  promise: "nothing changes and nothing of the machine is told",
  n: { small: writes.length + looks.length + 40, large: 5_000 },
  run: tryReader,
  control: { without: "the role and the transaction that only read", n: 12 },
});

async function tryGreed({ n, random, guarded }: RowInput): Promise<Trials> {
  const on = await makeSqlGround();
  const violations: string[] = [];
  try {
    const limits: Partial<SqlRequest> = { timeoutMs: 1_000, maxBytes: 100_000, maxRows: 1_000 };
    // the control: nobody's limits but those of the wire
    const lifted: Partial<SqlRequest> = { timeoutMs: 60_000, maxBytes: 16_000_000, maxRows: 10_000 };
    for (let trial = 0; trial < n; trial++) {
      const sql = trial < greedy.length ? (greedy[trial] ?? "") : random.pick(greedy);
      const { text } = await attempt(on, sql, true, guarded ? limits : lifted);
      if (text.length > 1_000_000) violations.push(`${text.length} characters came back: ${sql.slice(0, 80)}`);
    }
    const left = () =>
      on.read("select pid from pg_stat_activity where usename = 'nebula_sql_read' and pid <> pg_backend_pid()");
    await eventually("no statement is left", async () => (await left()).results[0]?.rowCount === 0, {
      timeoutMs: 30_000,
    }).catch(() => {
      violations.push("a session is left");
    });
    return { trials: n, violations };
  } finally {
    await on.close();
  }
}

catalogueRow({
  suite: "attacks",
  name: "SQL editor abuse: more than one's share",
  promise: "every statement ends, no answer is larger than it may be, and no session is left",
  n: { small: greedy.length, large: 300 },
  run: tryGreed,
  control: { without: "the limits of rows and bytes", n: 1 },
});

/** What one user leaves, and how the next one would meet it. */
const residues: readonly (readonly [leave: string, look: string])[] = [
  ["select set_config('app.mark', 'MARK', false)", "select current_setting('app.mark', true)"],
  ["create temporary table t_mark as select 'MARK'", "select * from t_mark"],
  ["create temporary table t_mark as select 'MARK'", "select relname, 'MARK' from pg_class where relname = 't_mark'"],
  ["prepare p_mark as select 'MARK'", "execute p_mark"],
  ["prepare p_mark as select 'MARK'", "select statement from pg_prepared_statements"],
  ["declare c_mark cursor with hold for select 'MARK'", "fetch all from c_mark"],
  [
    "set search_path = pg_catalog, mark; select 'MARK'",
    "select 'MARK' where current_setting('search_path') like '%mark%'",
  ],
  ["set timezone = 'Asia/Tokyo'", "select 'MARK' where current_setting('timezone') = 'Asia/Tokyo'"],
  ["set role nebula_read", "select 'MARK' where current_user = 'nebula_read'"],
  ["select pg_advisory_lock(4711)", "select 'MARK' from pg_locks where locktype = 'advisory' and objid = 4711"],
  [
    "begin; select 'MARK'",
    "select 'MARK' from pg_stat_activity where state like 'idle in transaction%' and usename like 'nebula_sql%'",
  ],
];

async function tryNeighbours({ n, random, guarded }: RowInput): Promise<Trials> {
  const on = await makeSqlGround();
  const violations: string[] = [];
  try {
    for (let trial = 0; trial < n; trial++) {
      const [leave, look] = trial < residues.length ? (residues[trial] ?? ["", ""]) : random.pick(residues);
      const mode = random.pick(["read", "write"] as const);
      const as = (user: string, sql: string) =>
        on.desk.run({ ...on.writer, user }, requestOf(sql, { mode, transaction: mode === "write" ? "each" : "auto" }));
      // the control: both in one session
      const seen = guarded
        ? await as("ada", leave)
            .catch(() => undefined)
            .then(() => as("eve", look))
        : await on.write(`${leave}; ${look}`, { transaction: "each" });
      if (JSON.stringify(seen.results.at(-1)?.rows ?? []).includes("MARK"))
        violations.push(`${leave} was met by ${look}`);
    }
    return { trials: n, violations };
  } finally {
    await on.close();
  }
}

catalogueRow({
  suite: "attacks",
  name: "SQL editor abuse: another user's session",
  promise: "nobody meets what somebody else left in a session",
  n: { small: residues.length + 10, large: 2_000 },
  run: tryNeighbours,
  control: { without: "a session of one's own", n: residues.length },
});
