/** What a rehearsal's SQL may not do, however hostile it is: outlive its time, fill the disk, reach anything, leave anything. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { RehearsalInput } from "../../platform/backup/index.ts";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { type Rehearsal, rehearse } from "../../platform/migrations/index.ts";
import { type BackupGround, makeBackupGround } from "../backup/ground.ts";
import { asTenant, wish } from "../compute/ground.ts";
import { readAll } from "./migrations-ground.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let ground: BackupGround;
let wanted: InstanceWanted;
beforeAll(async () => {
  ground = await makeBackupGround();
  wanted = await wish();
  await ground.driver.ensure(wanted);
  await asTenant(ground.driver, wanted, (sql) =>
    sql.query("create table secrets (it text); insert into secrets values ('real')"),
  );
});
afterAll(() => ground?.clear());

async function tryOut(text: string, bounds: Partial<RehearsalInput> = {}): Promise<Rehearsal> {
  const { id, databaseName, ownerRole } = wanted;
  const migrations = await readAll({ "0001_x": text });
  const stage = { of: id, id, names: { databaseName, ownerRole }, extensions: [], roles: [], ...bounds };
  const done = await ground.backups.rehearse(stage, (door) =>
    rehearse(door, { folder: "orders", migrations, ownerRole }),
  );
  if (done.kind !== "done") throw new Error(done.kind);
  return done.value;
}

const left = () => readdirSync(join(ground.dataDir, "building")).filter((name) => name.startsWith("site-"));

test("it ends when its time is over", async () => {
  const { problem } = await tryOut("select pg_sleep(3600);", { timeoutMs: 2_000 });
  expect(problem?.code).toBe("NEB148");
  expect(left()).toEqual([]);
});

test("it ends when it fills the disk", async () => {
  const text = "create table big as select repeat(n::text, 100) as it from generate_series(1, 100000000) n;";
  const { problem } = await tryOut(text, { growthBytes: 30_000_000 });
  expect(problem?.code).toBe("NEB148");
});

test("it ends when nobody wants it any more", async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 1_500);
  expect((await tryOut("select pg_sleep(3600);", { signal: abort.signal })).problem?.code).toBe("NEB148");
});

test.each([
  ["files", "select pg_read_file('/etc/hostname')"],
  ["folders", "select pg_ls_dir('/')"],
  ["large objects out of files", "select lo_import('/etc/hostname')"],
  [
    "programs, by a function",
    "create function f() returns void language plpgsql as $$ begin execute 'copy (select 1) to program ''id'''; end $$; select f()",
  ],
  ["untrusted languages", "create function f() returns int language c as 'libc', 'getpid'"],
  ["the administrator", "do $$ begin execute 'set role nebula_admin'; end $$"],
  ["a session of the administrator's", "do $$ begin execute 'set session authorization nebula_admin'; end $$"],
  ["other sessions", "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nebula_admin'"],
  ["the server's settings", "do $$ begin execute 'alter system set fsync = off'; end $$"],
  ["the record", "update nebula.migration_state set fence = 1000000"],
  ["commits of its own", "do $$ begin create table half (); commit; end $$"],
])("it does not reach %s", async (_, text) => {
  expect((await tryOut(`${text};`)).problem?.code).toBe("NEB148");
});

test("what it does stays in the copy, and what the database has is in it", async () => {
  const { problem, difference } = await tryOut(
    "update secrets set it = 'gone' where it = 'real'; create table copy_only as select * from secrets;",
  );
  expect([problem, difference[0]]).toEqual([null, "+ table public.copy_only"]);
  const rows = await asTenant(ground.driver, wanted, (sql) => sql.query("select it from secrets"));
  expect(rows).toEqual([{ it: "real" }]);
  expect(left()).toEqual([]);
});
