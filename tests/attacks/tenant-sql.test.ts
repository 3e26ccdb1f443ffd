/**
 * What a tenant's own SQL tries to reach outside of its database: programs and files of the machine, other databases, other roles, the
 * server's settings. The oracles look from outside: a file that a program would make, a secret file's words in a result, a port that
 * counts who calls, a sibling's secret row, and what the server says of its own roles and settings.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { asTenant, type Ground, makeGround, vault, whereIs, wish } from "../compute/ground.ts";
import { asAdministrator } from "../harness/administrator.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

type Target = {
  /** A file that nobody made yet, in a folder where anybody may. */
  readonly canary: string;
  /** A file that anybody may read, and what stands in it. */
  readonly secretFile: string;
  readonly port: number;
  readonly sibling: { readonly host: string; readonly port: number; readonly password: string };
};

type Escape = readonly [name: string, statements: (target: Target) => readonly string[]];

const secretWords = "words-of-the-machine-5f1c";
const siblingWords = "words-of-the-sibling-91ab";

const connection = ({ sibling }: Target) =>
  `host=${sibling.host} port=${sibling.port} dbname=orders user=orders password=${sibling.password}`;
const outside = ({ port }: Target) => `host=127.0.0.1 port=${port} dbname=x user=x password=x connect_timeout=2`;

const escapes: readonly Escape[] = [
  // programs
  ["copy to a program", (t) => [`copy (select 1) to program 'touch ${t.canary}'`]],
  ["copy from a program", (t) => ["create table p (a text)", `copy p from program 'touch ${t.canary}; echo 1'`]],
  [
    "a program by way of a function",
    (t) => [`do $$ begin execute 'copy (select 1) to program ''touch ${t.canary}'''; end $$`],
  ],
  [
    "a definer function",
    (t) => [
      `create function d() returns void security definer language plpgsql as $$ begin copy (select 1) to program 'touch ${t.canary}'; end $$`,
      "select d()",
    ],
  ],
  [
    "the right to run programs",
    (t) => ["grant pg_execute_server_program to orders", `copy (select 1) to program 'touch ${t.canary}'`],
  ],
  [
    "an event trigger",
    (t) => [
      `create function e() returns event_trigger language plpgsql as $$ begin copy (select 1) to program 'touch ${t.canary}'; end $$`,
      "create event trigger e on ddl_command_end execute function e()",
    ],
  ],
  ["plpython3u", (t) => ["create extension plpython3u", `do $$ open('${t.canary}', 'w') $$ language plpython3u`]],
  ["plperlu", (t) => ["create extension plperlu", `do $$ open(F, '>${t.canary}') $$ language plperlu`]],
  ["pltclu", (t) => ["create extension pltclu", `do $$ exec touch ${t.canary} $$ language pltclu`]],
  ["a language made trusted", () => ["create trusted language evil handler plpgsql_call_handler"]],
  ["a function in C", () => ["create function c() returns int language c as 'libc.so.6', 'getpid'", "select c()"]],
  [
    "an internal function",
    () => ["create function i(text) returns text language internal as 'pg_read_file_all'", "select i('/etc/hostname')"],
  ],
  ["a library", () => ["load '/tmp/evil.so'"]],
  ["the archive's command", (t) => [`alter system set archive_command = 'touch ${t.canary}'`]],
  ["a library for new sessions", () => ["alter database orders set session_preload_libraries = '/tmp/evil'"]],
  ["a library for one's role", () => ["alter role orders set local_preload_libraries = 'auto_explain'"]],
  ["a restore's command", (t) => [`alter system set restore_command = 'touch ${t.canary}'`]],
  ["an output plugin", () => ["select pg_create_logical_replication_slot('evil', '/tmp/evil')"]],
  // files
  ["copy to a file", (t) => [`copy (select 1) to '${t.canary}'`]],
  ["copy from a file", (t) => ["create table f (a text)", `copy f from '${t.secretFile}'`, "select * from f"]],
  ["pg_read_file", (t) => [`select pg_read_file('${t.secretFile}')`]],
  ["pg_read_binary_file", (t) => [`select convert_from(pg_read_binary_file('${t.secretFile}'), 'utf8')`]],
  ["pg_ls_dir", () => ["select string_agg(name, ',') || 'listed' from pg_ls_dir('/') name"]],
  ["pg_stat_file", (t) => [`select pg_stat_file('${t.secretFile}')`]],
  ["a large object from a file", (t) => [`select convert_from(lo_get(lo_import('${t.secretFile}')), 'utf8')`]],
  ["a large object into a file", (t) => [`select lo_export(lo_from_bytea(0, 'x'), '${t.canary}')`]],
  [
    "the right to read files",
    (t) => ["grant pg_read_server_files to orders", `select pg_read_file('${t.secretFile}')`],
  ],
  [
    "file_fdw",
    (t) => [
      "create extension file_fdw",
      "create server fs foreign data wrapper file_fdw",
      `create foreign table ff (a text) server fs options (filename '${t.secretFile}')`,
      "select * from ff",
    ],
  ],
  ["adminpack", (t) => ["create extension adminpack", `select pg_file_write('${t.canary}', 'x', false)`]],
  [
    "xml of a file",
    (t) => [`select xmlparse(document '<!DOCTYPE a [<!ENTITY e SYSTEM "file://${t.secretFile}">]><a>&e;</a>')::text`],
  ],
  ["a tablespace", (t) => [`create tablespace evil location '${t.canary}'`]],
  // other databases
  [
    "dblink to a sibling",
    (t) => [
      "create extension dblink",
      `select * from dblink('${connection(t)}', 'select words from secrets') as s(words text)`,
    ],
  ],
  [
    "postgres_fdw to a sibling",
    (t) => [
      "create extension postgres_fdw",
      `create server sib foreign data wrapper postgres_fdw options (host '${t.sibling.host}', port '${t.sibling.port}', dbname 'orders')`,
      `create user mapping for current_user server sib options (user 'orders', password '${t.sibling.password}')`,
      "create foreign table st (words text) server sib options (table_name 'secrets')",
      "select * from st",
    ],
  ],
  ["a subscription to outside", (t) => [`create subscription s connection '${outside(t)}' publication p`]],
  [
    "a subscription that connects later",
    (t) => [
      `create subscription later connection '${outside(t)}' publication p with (connect = false)`,
      "alter subscription later enable",
    ],
  ],
  ["dblink to outside", (t) => ["create extension dblink", `select dblink_connect('${outside(t)}')`]],
  ["the other databases of the server", () => ["create database other"]],
  ["a connection to template1", () => ["alter database template1 is_template false"]],
  // roles and settings
  ["a superuser", () => ["alter role orders superuser"]],
  ["a new role", () => ["create role mate superuser login"]],
  ["createrole", () => ["alter role orders createrole"]],
  ["bypassing row security", () => ["alter role orders bypassrls"]],
  ["replication", () => ["alter role orders replication"]],
  ["the administrator's session", () => ["set session authorization nebula_admin", "select 1"]],
  ["the administrator's role", () => ["set role nebula_admin", "select 1"]],
  ["the passwords", () => ["select string_agg(rolpassword, ',') || 'listed' from pg_authid"]],
  ["the catalog by hand", () => ["set allow_system_table_mods = on", "update pg_authid set rolsuper = true"]],
  ["the server's settings", () => ["alter system set work_mem = '1GB'"]],
  [
    "another's session",
    () => ["select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nebula_admin'"],
  ],
  ["signals", () => ["select pg_reload_conf()", "select pg_rotate_logfile()", "select pg_promote()"]],
];

async function rowRun({ n, guarded, random }: RowInput): Promise<Trials> {
  const ground = await makeGround({ spares: 0 });
  const home = mkdtempSync(join(tmpdir(), "ndb-escape-"));
  chmodSync(home, 0o777); // whoever runs a program could make the file
  const calls = { seen: 0 };
  const server = createServer((socket) => {
    calls.seen++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const [tenant, sibling] = [await wish(), await wish()];
    for (const wanted of [tenant, sibling]) await ground.driver.ensure(wanted);
    await asTenant(ground.driver, sibling, (sql) =>
      sql.query(`create table secrets as select '${siblingWords}'::text words`),
    );
    const secretFile = join(home, "secret");
    writeFileSync(secretFile, secretWords, { mode: 0o644 });
    if (!guarded) await asOwnerOfAll(ground, tenant);
    const where = await whereIs(ground.driver, sibling);
    const { port } = server.address() as AddressInfo;
    const violations: string[] = [];
    const order = guarded ? escapes : random.shuffle(escapes);
    for (let i = 0; i < n; i++) {
      const tried = order[i % order.length];
      if (tried === undefined) break;
      const target = {
        canary: join(home, `canary${i}`),
        secretFile,
        port,
        sibling: { ...where, password: sibling.ownerPassword.reveal() },
      };
      violations.push(...(await trial(ground, tenant, { tried, target, calls })));
    }
    violations.push(...(await aftermath(ground, tenant)));
    return { trials: n, violations };
  } finally {
    server.close();
    rmSync(home, { recursive: true, force: true });
    await ground.clear();
  }
}

type Trial = { readonly tried: Escape; readonly target: Target; readonly calls: { seen: number } };

/** Each statement in a session's own transaction, as a client would: what fails does not undo what did not. */
async function trial(
  { driver }: Ground,
  wanted: InstanceWanted,
  { tried: [name, statements], target, calls }: Trial,
): Promise<string[]> {
  const before = calls.seen;
  let told = "";
  await asTenant(driver, wanted, async (sql) => {
    for (const statement of statements(target))
      told += await sql.query(statement).then(
        (rows) => JSON.stringify(rows),
        () => "",
      );
  }).catch(() => undefined); // a session that was ended
  return [
    ...(existsSync(target.canary) ? [`${name}: a file was made`] : []),
    ...(told.includes(secretWords) ? [`${name}: a file was read`] : []),
    ...(told.includes(siblingWords) ? [`${name}: a sibling was read`] : []),
    ...(told.includes("listed") ? [`${name}: what is not the tenant's was listed`] : []),
    ...(calls.seen > before ? [`${name}: the server called outside`] : []),
  ];
}

/**
 * What the server says of itself afterwards: nobody became more than he was, and no setting is another one. Asked in `postgres`: a
 * library that was set for the tenant's database may let nobody into that any more.
 */
async function aftermath({ driver }: Ground, wanted: InstanceWanted): Promise<string[]> {
  const ask = <T>(text: string) =>
    asAdministrator({ driver, vault }, wanted.id, (sql) => sql.query<T>(text), "postgres");
  const roles = await ask<{ rolname: string }>(
    `select rolname from pg_roles
     where rolname in ('orders', 'mate') and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)`,
  );
  const databases = await ask("select 1 from pg_database where datname = 'other'");
  const facts = await driver.inspect(wanted.id, new Map()).catch(() => "it lets nobody in" as const);
  if (facts === "it lets nobody in") return [facts];
  return [
    ...roles.map(({ rolname }) => `${rolname} has rights it was not given`),
    ...databases.map(() => "a database was made"),
    ...(facts?.settings ?? []).map(({ name }) => `the setting ${name} was changed`),
  ];
}

/** The protection off: the tenant's role as somebody who set up Postgres in a hurry gives it. */
const asOwnerOfAll = ({ driver }: Ground, { id }: InstanceWanted) =>
  asAdministrator({ driver, vault }, id, (sql) => sql.query("alter role orders superuser"));

catalogueRow({
  suite: "attacks",
  name: "tenant SQL escapes",
  promise: "no program, file, sibling, role or setting of the machine is reached",
  n: { small: escapes.length, large: 10 * escapes.length },
  run: rowRun,
  control: { without: "an owner who is no superuser", n: escapes.length },
  timeoutMs: 60_000,
});
