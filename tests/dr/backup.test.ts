/** Backups and restores of a ledger with rows of the test's own; the mains are stand-ins. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessRunning, type DataFolder, layout, restore, takeBackup, verifySource } from "../../launcher/index.ts";
import { makePostgresServer } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { randomFrom } from "../harness/random.ts";
import { makeTestPlatform, type TestPlatform } from "../launcher/platform.ts";
import { hurried } from "./ground.ts";

const pgBin = process.env.NEBULA_PG_BIN ?? "";
const passphrase = new Secret("correct horse battery staple");

let platform: TestPlatform;
let scratch: string;
let backup: string;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "nebula-dr-"));
  chmodSync(scratch, 0o711); // Postgres's own user passes through
  platform = await makeTestPlatform();
  await platform.start({ NEBULA_BACKUP_TIMES: hurried });
  await asOwner(platform.folder, furnish);
  backup = join(scratch, "backup");
  await takeBackup(await accessRunning(platform.folder, pgBin), backup, { kind: "full", passphrase });
}, 360_000);
afterAll(async () => {
  await platform?.close();
  rmSync(scratch, { recursive: true, force: true });
}, 180_000);

const asOwner = async <T>(folder: DataFolder, body: (sql: Sql) => Promise<T>): Promise<T> =>
  (await accessRunning(folder, pgBin)).owner(body);

/** A platform in the middle of its work. */
async function furnish(sql: Sql): Promise<void> {
  for (const text of [
    `insert into stacks (stack, fence, holder, operation, lease_until) values ('acme.shop', 41, 'host/1/2', 'op_deploy', now() + interval '1 hour')`,
    `insert into operations (id, stack, type, state, requested_by, fence) values
       ('op_deploy', 'acme.shop', 'DEPLOY', 'IN_PROGRESS', 'ada', 41), ('op_rotate', 'acme.shop', 'ROTATE_CREDENTIALS', 'QUEUED', 'ada', null)`,
    `insert into users (id, email, name) values ('usr_1', 'ada@example.org', 'Ada')`,
    `insert into sessions (id, user_id, amr, idle_expires_at, expires_at) values ('ses_1', 'usr_1', '{pwd}', now() + interval '1 day', now() + interval '1 day')`,
    `insert into refresh_tokens (id, session_id, secret_hash) values ('ndr_1', 'ses_1', 'x')`,
    `insert into email_tokens (id, purpose, secret_hash, email, expires_at) values ('nde_1', 'reset', 'x', 'ada@example.org', now() + interval '1 day')`,
    `insert into singleton_leases (name, holder, fence, lease_until) values ('test', 'host/1/2', 7, now() + interval '1 hour')`,
  ])
    await sql.query(text);
}

const newFolder = () => layout(mkdtempSync(join(scratch, "data-")));

let sockets = 0;

/** A restored ledger without a platform. */
async function inRestored<T>(folder: DataFolder, body: (sql: Sql) => Promise<T>): Promise<T> {
  const password = new Secret(readFileSync(join(folder.secrets, "ledger-password"), "utf8").trim());
  const socketDir = join(scratch, `socket-${sockets++}`);
  const server = await makePostgresServer({
    dataDir: folder.ledger,
    pgBin,
    port: await freePort(),
    socketDir,
    password,
  });
  try {
    await server.start();
    return await connectOnce(server.socketUrl("nebula"), body);
  } finally {
    await server.stop("fast");
  }
}

test("the log is received by a role that may stream it, and enter no database", async () => {
  await eventually("it is received", () =>
    asOwner(platform.folder, async (sql) => {
      const found = await sql.query<{ usename: string }>("select usename from pg_stat_replication");
      return found.some(({ usename }) => usename === "nebula_archive");
    }),
  );
  const [role] = await asOwner(platform.folder, (sql) =>
    sql.query(
      "select rolsuper, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = 'nebula_archive'",
    ),
  );
  expect(role).toEqual({ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolreplication: true });
  const { stream, port } = await accessRunning(platform.folder, pgBin);
  const [, , , , password = ""] = readFileSync(stream.passFile, "utf8").trim().split(":");
  const socket = stream.target()[1] ?? "";
  for (const host of [socket, "127.0.0.1"]) {
    const url = connectionUrl({
      host,
      port,
      user: "nebula_archive",
      password: new Secret(password),
      database: "nebula",
    });
    await expect(connectOnce(url, (sql) => sql.one("select 1"))).rejects.toMatchObject({ code: "NEB914" });
  }
}, 60_000);

test("a backup is whole and holds no key in clear", async () => {
  expect(await verifySource(backup)).toHaveLength(1);
  const master = readFileSync(join(platform.folder.secrets, "master.key"), "utf8").trim();
  const password = readFileSync(join(platform.folder.secrets, "ledger-password"), "utf8").trim();
  for (const file of readdirSync(join(backup, "keys")).map((name) => join(backup, "keys", name)))
    for (const secret of [master, password]) expect(readFileSync(file, "utf8")).not.toContain(secret);
});

test("every damaged file is found before anything is restored, and named", async () => {
  const random = randomFrom(Number(process.env.NEBULA_SEED ?? 7));
  const files = readdirSync(backup, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(backup.length + 1));
  expect(files.length).toBeGreaterThanOrEqual(5);
  for (const file of files)
    for (const how of ["a bit", "cut", "gone"] as const) {
      const copy = join(scratch, "damaged");
      cpSync(backup, copy, { recursive: true });
      const path = join(copy, file);
      const bytes = readFileSync(path);
      const at = random.int(0, bytes.length - 1);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(0, 7));
      if (how === "a bit") writeFileSync(path, bytes);
      else if (how === "cut") truncateSync(path, random.int(0, bytes.length - 1));
      else rmSync(path);
      const folder = newFolder();
      const thrown = await restore({ from: copy, folder, pgBin, passphrase }).catch((problem: Error) => problem);
      expect(thrown, `${file}: ${how}`).toBeInstanceOf(Error);
      expect((thrown as Error).message).toContain(file);
      expect(existsSync(folder.ledger)).toBe(false);
      rmSync(copy, { recursive: true });
    }
}, 180_000);

test("a restored ledger hands out no fence twice, repeats nothing that may be done, and lets nobody in who was in", async () => {
  const folder = newFolder();
  const before = Date.now();
  const restored = await restore({ from: backup, folder, pgBin, passphrase });
  expect(restored.fencedOff).toMatchObject({
    leasesCleared: 2,
    sessionsEnded: 1,
    tokensVoided: 1,
    requeued: 1,
    cancelled: 1,
  });
  expect(restored.fencedOff.fenceFloor).toBeGreaterThanOrEqual(before - 1_000);
  await inRestored(folder, async (sql) => {
    expect(await sql.one("select fence > 1e12 as above, holder, operation, lease_until from stacks")).toEqual({
      ...{ above: true, holder: null, operation: null, lease_until: null },
    });
    expect(await sql.query("select id, state, fence from operations order by id")).toEqual([
      { id: "op_deploy", state: "QUEUED", fence: null },
      { id: "op_rotate", state: "CANCELLED", fence: null },
    ]);
    expect(await sql.one("select ended_reason from sessions")).toEqual({ ended_reason: "restored" });
    expect(await sql.maybe("select 1 from refresh_tokens where used_at is null")).toBeUndefined();
    expect(await sql.maybe("select 1 from email_tokens where used_at is null")).toBeUndefined();
    expect(await sql.query("select action, resource, result, actor <> '' as named from audit_before")).toEqual([
      { action: "platform.restore", resource: "platform", result: "accepted", named: true },
    ]);
    // A stack that was made after the backup, and is lost with what came after it.
    await sql.query("insert into stacks (stack) values ('acme.later')");
    expect(
      await sql.one(
        "select fence >= (select max(fence_floor) from recoveries) as above from stacks where stack = 'acme.later'",
      ),
    ).toEqual({ above: true });
  });
}, 180_000);

test("a restore overwrites nothing and opens nothing with a wrong key", async () => {
  const there = await restore({ from: backup, folder: platform.folder, pgBin }).catch(
    (problem: { code: string }) => problem,
  );
  expect(there).toMatchObject({ code: "NEB935" });
  const wrong = await restore({
    from: backup,
    folder: newFolder(),
    pgBin,
    passphrase: new Secret("another passphrase"),
  }).catch((problem: { code: string }) => problem);
  expect(wrong).toMatchObject({ code: "NEB936" });
  const none = await restore({ from: backup, folder: newFolder(), pgBin }).catch(
    (problem: { code: string }) => problem,
  );
  expect(none).toMatchObject({ code: "NEB936" });
}, 90_000);

test("the continuous backup leads to any moment; a hole in the log is refused", async () => {
  const archive = join(platform.folder.root, "backups");
  const note = (id: number) =>
    asOwner(platform.folder, async (sql) => {
      await sql.query("insert into settings (key, value) values ($1, '1')", [`noted ${id}`]);
      return (await sql.one<{ at: Date }>("select clock_timestamp() as at, pg_switch_wal()")).at;
    });
  const stateNow = () =>
    JSON.parse(readFileSync(join(archive, "state.json"), "utf8")) as { recoverableAt: string | null };
  await eventually("a base", () => stateNow().recoverableAt !== null, { timeoutMs: 30_000 });
  const moments: Date[] = [];
  for (let id = 0; id < 4; id++) moments.push(await note(id));
  await eventually(
    "everything can be recovered",
    () => new Date(stateNow().recoverableAt ?? 0) > (moments[3] ?? new Date()),
    {
      timeoutMs: 30_000,
    },
  );
  const masterKey = new Secret(readFileSync(join(platform.folder.secrets, "master.key"), "utf8").trim());
  const from = join(scratch, "archive");
  cpSync(archive, from, { recursive: true });
  const noted = (folder: DataFolder) =>
    inRestored(folder, async (sql) =>
      (await sql.query<{ key: string }>("select key from settings where key like 'noted %' order by 1")).map(
        ({ key }) => key,
      ),
    );

  const whole = newFolder();
  await restore({ from, folder: whole, pgBin, masterKey });
  expect(await noted(whole)).toEqual(["noted 0", "noted 1", "noted 2", "noted 3"]);
  const earlier = newFolder();
  await restore({ from, folder: earlier, pgBin, masterKey, ...(moments[1] ? { toTime: moments[1] } : {}) });
  expect(await noted(earlier)).toEqual(["noted 0", "noted 1"]);

  // Nothing later than that moment is in the log: the moment is named, and a folder that was not there is not there.
  const { recoverableAt } = stateNow();
  const nowhere = newFolder();
  rmSync(nowhere.root, { recursive: true });
  const late = { from, folder: nowhere, pgBin, masterKey, toTime: new Date(Date.now() + 3_600_000) };
  const refused = await restore(late).catch((problem: { code: string; message: string }) => problem);
  expect(refused).toMatchObject({ code: "NEB940" });
  const [, newest = ""] = /ends at (\S+Z);/.exec((refused as unknown as Error).message) ?? [];
  expect(Date.parse(newest)).toBeGreaterThan((moments[3] ?? new Date()).getTime() - 1_000);
  expect(Date.parse(newest)).toBeLessThan(Date.now());
  expect(existsSync(nowhere.root)).toBe(false);
  // A quiet while at the end: the archive goes beyond the last thing that happened.
  writeFileSync(join(from, "state.json"), JSON.stringify({ ...stateNow(), recoverableAt: late.toTime.toISOString() }));
  const quiet = newFolder();
  await restore({ ...late, folder: quiet });
  expect(await noted(quiet)).toHaveLength(4);
  expect(recoverableAt).not.toBeNull();

  const wal = readdirSync(join(from, "ledger")).map((era) => join(from, "ledger", era, "wal"))[0] ?? "";
  const segments = readdirSync(wal).sort();
  rmSync(join(wal, segments.at(-3) ?? ""));
  const hole = await restore({ from, folder: newFolder(), pgBin, masterKey }).catch(
    (problem: { code: string }) => problem,
  );
  expect(hole).toMatchObject({ code: "NEB937" });
}, 360_000);
