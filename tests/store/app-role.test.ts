/** What portal and reconciler may do in the ledger, and what they may not, as the role that they have in production. */
import { randomBytes } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce, makePool, type Pool } from "../../platform/sql/index.ts";
import {
  appRole,
  claimOperation,
  enqueueOperation,
  ensureCiRole,
  ensureState,
  finishOperation,
  migrate,
  prepareForge,
  prepareLedger,
  pruneHistory,
  putSetting,
  readCheckpoint,
  removeDeadLocks,
  requireSchema,
  writeCheckpoint,
} from "../../platform/store/index.ts";
import { appPassword, type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
let app: Pool;
const tenant = `t${randomBytes(4).toString("hex")}`;
const stack = `${tenant}.shop` as const;

beforeAll(async () => {
  db = await testDatabase();
  app = makePool({ url: db.appUrl, applicationName: "test", max: 4 });
});
afterAll(async () => {
  await app.close();
  await db.close();
});

test("it is nobody's superuser and owns nothing", async () => {
  expect(
    await app.one(
      "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles where rolname = current_user",
    ),
  ).toEqual({ rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolreplication: false, rolbypassrls: false });
  expect(
    await app.query("select relname from pg_class where relowner = (select oid from pg_roles where rolname = $1)", [
      appRole,
    ]),
  ).toEqual([]);
});

test("it deploys: state, lease, fence, locks and history work for it", async () => {
  const { id } = await enqueueOperation(app, { stack, type: "DEPLOY", requestedBy: "t" });
  await ensureState(app, tenant);
  const claim = await claimOperation(app, { holder: "me", types: ["DEPLOY"], leaseSeconds: 15 });
  expect(claim?.operation.id).toBe(id);
  if (claim === undefined) return;
  await writeCheckpoint(app, stack, claim.fence, "{}");
  await expect(writeCheckpoint(app, stack, claim.fence - 1, "{}")).rejects.toThrow(/lease lost/);
  expect(await readCheckpoint(app, stack)).toBe("{}");
  expect(await removeDeadLocks(app, claim, claim.fence)).toEqual([]);
  await pruneHistory(app, stack, claim.fence);
  const ended = await finishOperation(app, claim, { kind: "completed", outcome: "unchanged", result: {} }, async (tx) =>
    putSetting(tx, "seen", true),
  );
  expect(ended?.state).toBe("COMPLETED");
});

test("it gives a tenant's CI a login", async () => {
  const { user, password } = await ensureCiRole(app, tenant);
  const url = new URL(db.url.reveal());
  [url.username, url.password] = [user, password.reveal()];
  expect(await connectOnce(new Secret(url.href), (sql) => sql.one("select session_user::text as who"))).toEqual({
    who: user,
  });
});

test("it creates tables `if not exists` where Pulumi does, and changes no schema anywhere", async () => {
  const state = `state_${tenant}`;
  await app.query(`create table if not exists ${state}.pulumi_state (key text)`);
  for (const statement of [
    "create table mine (id int)",
    "create temp table mine (id int)",
    `create table ${state}.mine (id int)`,
    `alter table ${state}.pulumi_state disable trigger guard`,
    `drop trigger guard on ${state}.pulumi_state`,
    `drop table ${state}.pulumi_state`,
    `truncate ${state}.pulumi_state`,
    "alter table operations disable trigger all",
    "drop table operations",
    "create or replace function ensure_state(tenant text) returns void language sql as 'select'",
    "drop event trigger refuse_ci_ddl_start",
    "set session_replication_role = replica",
    "set event_triggers = off",
    "create role other superuser",
    "alter role nebula_app superuser",
    "set role nebula",
    `set role ${state}`,
    "select make_state('other')",
    "select join_state_role('nebula')",
    "insert into migrations (name) values ('9999_mine')",
    "delete from migrations",
    "copy (select 1) to program 'true'",
    "select pg_read_file('postgresql.conf')",
    "select rolpassword from pg_authid",
  ])
    await expect(app.query(statement), statement).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/^(42501|42809)$/) },
    });
});

test("a main says what the schema lacks, and what to do", async () => {
  await requireSchema(app);
  const folder = mkdtempSync(join(tmpdir(), "nebula-migrations-"));
  writeFileSync(join(folder, "0001_ledger.sql"), "");
  writeFileSync(join(folder, "9999_later.sql"), "");
  await expect(requireSchema(app, folder)).rejects.toMatchObject({
    code: "NEB902",
    message: "the ledger lacks 9999_later",
    hint: expect.stringContaining("nebula up"),
  });
  rmSync(folder, { recursive: true });
  const empty = await testDatabase({ empty: true });
  await expect(requireSchema(empty.sql)).rejects.toMatchObject({ code: "NEB902" });
  await empty.close();
});

test("a ledger of the first release, with state in it, is taken over by the role", async () => {
  const old = await testDatabase({ empty: true });
  const folder = mkdtempSync(join(tmpdir(), "nebula-migrations-"));
  const released = globSync(join(import.meta.dirname, "../../platform/store/migrations/000[12]_*.sql"));
  for (const file of released) writeFileSync(join(folder, basename(file)), readFileSync(file));
  await migrate(old.sql, folder);
  rmSync(folder, { recursive: true });
  const before = `o${randomBytes(4).toString("hex")}`;
  await ensureState(old.sql, before);
  await prepareLedger(old.sql, appPassword);
  const taken = makePool({ url: old.appUrl, applicationName: "test", max: 2 });
  await requireSchema(taken);
  await taken.query(`create index if not exists pulumi_state_key_prefix_idx on state_${before}.pulumi_state (key)`);
  expect(await taken.query(`select key from state_${before}.pulumi_state`)).toHaveLength(1);
  await taken.close();
  await old.close();
});

test("the forge's database changes hands with everything in it, and can be prepared again", async () => {
  const forge = await testDatabase({ empty: true });
  await forge.sql.query("create table hooks (id bigint generated always as identity primary key, at serial)");
  await forge.sql.query(
    "create function f() returns int language sql as 'select 1'; create sequence s; create view v as select 1",
  );
  for (let i = 0; i < 2; i++) await prepareForge(forge.sql, appPassword);
  const url = new URL(forge.url.reveal());
  [url.username, url.password] = ["nebula_forge", appPassword.reveal()];
  await connectOnce(new Secret(url.href), async (sql) => {
    await sql.query(
      "alter table hooks add column more text; create table later (id int); insert into hooks default values",
    );
    await expect(sql.query("select rolpassword from pg_authid")).rejects.toThrow();
  });
  await forge.close();
});
