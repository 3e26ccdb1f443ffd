/** A small storage, and real rows until it is full and beyond. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { type Sql, sqlState } from "../../platform/sql/index.ts";
import { archived, type BackupGround, insert, keep, makeBackupGround } from "../backup/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { asTenant, wish } from "./ground.ts";

vi.setConfig({ testTimeout: 270_000, hookTimeout: 270_000 });

let ground: BackupGround;
beforeAll(async () => {
  ground = await makeBackupGround();
});
afterAll(() => ground?.clear());

const mib = 2 ** 20;
const tend = async ({ id }: InstanceWanted) => {
  const tended = await ground.driver.tendStorage(id);
  if (tended === undefined) throw new Error(`there is no instance ${id}`);
  return { ...tended, usedBytes: tended.usedBytes ?? 0 };
};

/** With so much room, and a table to fill. */
async function small(room: number, changes: Partial<InstanceWanted> = {}): Promise<InstanceWanted> {
  const wanted = await wish(changes);
  await ground.driver.ensure(wanted);
  const { usedBytes } = await tend(wanted);
  const limited = { ...wanted, storageBytes: usedBytes + room };
  await ground.driver.ensure(limited);
  await tenant(limited, (sql) => sql.query("create table filling (part int, bytes text)"));
  return limited;
}
const tenant = <T>(wanted: InstanceWanted, body: (sql: Sql) => Promise<T>) => asTenant(ground.driver, wanted, body);

/** About so many MiB of text that does not compress. */
const fill = (sql: Sql, megabytes: number, part = 1) =>
  sql.query(
    `insert into filling select $2::int, (select string_agg(md5(random()::text || i::text || j::text), '') from generate_series(1, 32) j)
     from generate_series(1, $1::int) i`,
    [megabytes * 1024, part],
  );
const rows = (wanted: InstanceWanted) =>
  tenant(wanted, async (sql) => (await sql.one<{ n: number }>("select count(*)::int as n from filling")).n);
const stateOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (thrown) => sqlState(thrown) ?? String(thrown),
  );
const readOnlyTransaction = "25006";

test("a database that is full takes no more rows, is read, and is written again when rows are deleted", async () => {
  const wanted = await small(24 * mib);
  await tenant(wanted, (sql) => fill(sql, 8));
  expect((await tend(wanted)).mode).toBe("writable");
  const half = await rows(wanted);

  // somebody is in the middle of a load when it becomes full
  const loading = tenant(wanted, async (sql) => {
    await sql.query("begin");
    await fill(sql, 24, 2);
    for (let i = 0; i < 6_000; i++) await sql.query("select pg_sleep(0.05)");
  }).then(
    () => "done",
    () => "ended",
  );
  await vi.waitUntil(async () => (await tend(wanted)).mode === "read-only", { timeout: 120_000, interval: 100 });
  expect(await loading).toBe("ended");
  expect(await rows(wanted)).toBe(half);
  expect(await stateOf(tenant(wanted, (sql) => fill(sql, 1)))).toBe(readOnlyTransaction);
  const { files } = (await ground.driver.facts(wanted.id)) ?? {};
  const inside = await ground.driver.inspect(wanted.id, new Map());
  expect([files, inside?.settings]).toEqual([[], []]);

  await tenant(wanted, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    await sql.query("truncate filling");
  });
  await tenant(wanted, (sql) => sql.query("vacuum full"));
  const after = await tend(wanted);
  expect(after).toMatchObject({ mode: "writable", limitBytes: wanted.storageBytes });
  await tenant(wanted, (sql) => fill(sql, 1));
  expect(await rows(wanted)).toBe(1024);
});

test("what grows on all the same is closed, by nothing that a tenant can set, until its storage is raised", async () => {
  const wanted = await small(8 * mib, { archive: true });
  await tenant(wanted, (sql) => fill(sql, 16));
  const full = await tend(wanted);
  expect(full.mode).toBe("read-only");

  // the owner lifts it for everybody, for ever, and goes on
  await tenant(wanted, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    await sql.query(`alter database ${wanted.databaseName} set default_transaction_read_only = off`);
    await sql.query(`alter role ${wanted.ownerRole} set default_transaction_read_only = off`);
    for (let i = 0; i < 5; i++) await fill(sql, 16, 3);
  });
  const closed = await tend(wanted);
  expect(closed.mode).toBe("closed");
  const kept = await rows(wanted);
  expect(kept).toBe(96 * 1024);
  const tries = [
    "insert into filling values (9, 'x')",
    "set transaction_read_only = off",
    "begin read write",
    "set session characteristics as transaction read write; create table more ()",
    "delete from filling",
    "alter system set default_transaction_read_only = off",
    "select pg_promote()",
    "create temporary table mine ()",
    "vacuum filling",
  ];
  for (const text of tries)
    expect(await stateOf(tenant(wanted, (sql) => sql.query(text))), text).toMatch(/^(25006|42501|55000|0A000|25001)$/);

  // it stays so over a stop, a sleep and a freeze; its log, its restore points and its look inside take no harm
  await ground.driver.stop(wanted.id);
  await ground.driver.start(wanted.id);
  await ground.driver.sleep(wanted.id);
  expect((await ground.driver.wake(wanted.id)).kind).toBe("start");
  await ground.driver.freeze(wanted.id);
  await ground.driver.wake(wanted.id);
  expect(await ground.driver.mark(wanted.id, "now")).toBeUndefined();
  expect((await ground.driver.inspect(wanted.id, new Map()))?.settings).toEqual([]);
  expect(await stateOf(tenant(wanted, (sql) => fill(sql, 1)))).toBe(readOnlyTransaction);
  expect(await rows(wanted)).toBe(kept);
  expect(await codeOf(ground.driver.ensure({ ...wanted, tags: { a: "b" } }))).toBe("NEB362");

  const raised = { ...wanted, storageBytes: closed.usedBytes * 2 };
  await ground.driver.ensure(raised);
  expect((await tend(raised)).mode).toBe("writable");
  await tenant(raised, (sql) => fill(sql, 1));
  expect(await rows(raised)).toBe(kept + 1024);
});

test("a little more storage gives back the room to delete in", async () => {
  const wanted = await small(8 * mib);
  await tenant(wanted, async (sql) => {
    await fill(sql, 16);
    await tend(wanted);
    await sql.query("set default_transaction_read_only = off");
  }).catch(() => undefined);
  await tenant(wanted, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    for (let i = 0; i < 5; i++) await fill(sql, 16);
  });
  const { mode, usedBytes } = await tend(wanted);
  expect(mode).toBe("closed");
  await ground.driver.ensure({ ...wanted, storageBytes: usedBytes + mib });
  expect((await tend(wanted)).mode).toBe("read-only");
  await tenant(wanted, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    await sql.query("delete from filling");
  });
  await tenant(wanted, (sql) => sql.query("vacuum full filling"));
  expect((await tend(wanted)).mode).toBe("writable");
});

test("its log is one over all of that: what was written before, and after, is restored", async () => {
  const { driver, backups } = ground;
  const wanted = await archived(ground);
  await insert(ground, wanted, 1);
  const { usedBytes } = await tend(wanted);
  const limited = { ...wanted, storageBytes: usedBytes + 4 * mib };
  await driver.ensure(limited);
  await tenant(limited, (sql) => sql.query("create table filling (part int, bytes text)"));
  await tenant(limited, (sql) => fill(sql, 8));
  await tend(limited);
  await tenant(limited, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    for (let i = 0; i < 5; i++) await fill(sql, 16);
  });
  expect((await tend(limited)).mode).toBe("closed");
  await backups.take(limited.id, { kind: "full", ...keep });
  const raised = { ...limited, storageBytes: 1024 ** 3 };
  await driver.ensure(raised);
  await insert(ground, raised, 2);
  await backups.ship(raised.id);
  const other = await wish({ storageBytes: 1024 ** 3 });
  await backups.restoreInto(other, { of: raised.id, target: { kind: "latest" } });
  const seen = await tenant(other, (sql) => sql.query<{ n: number }>("select n from moments order by n"));
  expect(seen.map(({ n }) => n)).toEqual([1, 2]);
  await tenant(other, (sql) => sql.query("insert into moments (n) values (3)"));
});

test("what was not written to is not measured again", async () => {
  const wanted = await small(24 * mib);
  const first = await tend(wanted);
  expect(await ground.driver.tendStorage(wanted.id, first.writtenMs)).toMatchObject({ usedBytes: null });
  await tenant(wanted, (sql) => fill(sql, 1));
  expect((await ground.driver.tendStorage(wanted.id, first.writtenMs))?.usedBytes).toBeGreaterThan(first.usedBytes);
});
