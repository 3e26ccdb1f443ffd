/** Backups and restores of real servers: by second, by mark, from incremental backups, of a database that is gone. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { asTenant, wish } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { archived, type BackupGround, insert, keep, makeBackupGround, numbers } from "./ground.ts";

let ground: BackupGround;
beforeAll(async () => {
  ground = await makeBackupGround();
});
afterAll(() => ground.clear());

const moment = async (): Promise<Date> => {
  await sleep(30);
  const at = new Date();
  await sleep(30);
  return at;
};

test("a new database has what was committed up to a moment, and nothing later; the source goes on", async () => {
  const { backups, driver } = ground;
  const source = await archived(ground);
  await insert(ground, source, 1);
  await backups.take(source.id, { kind: "full", ...keep });
  await insert(ground, source, 2);
  const at = await moment();
  await insert(ground, source, 3);
  const target = { kind: "time", at } as const;
  const copy = await wish({ databaseName: "copy", ownerRole: "copy", archive: true });
  expect((await backups.restoreInto(copy, { of: source.id, target })).created).toBe(true);
  expect(await numbers(ground, copy)).toEqual([1, 2]);
  expect(await numbers(ground, source)).toEqual([1, 2, 3]);
  const owner = await asTenant(ground.driver, copy, (sql) =>
    sql.one<{ u: string; d: string }>("select current_user as u, current_database() as d"),
  );
  expect(owner).toEqual({ u: "copy", d: "copy" });
  const [before, after] = await Promise.all([driver.observe(source.id), driver.observe(copy.id)]);
  expect(after?.identity).not.toBe(before?.identity);
  // repeated, as after a kill, it changes nothing; asked for something else it is refused
  expect((await backups.restoreInto(copy, { of: source.id, target })).created).toBe(false);
  const other = await archived(ground);
  expect(await codeOf(backups.branch(copy, { of: other.id }))).toBe("NEB353");
  expect(await codeOf(backups.restoreInto(await wish(), { of: other.id, target: { kind: "latest" } }))).toBe("NEB414");
});

test("nobody who knew a password of the source comes into what was made of it", async () => {
  const { backups } = ground;
  const role = { name: "reader", login: true, access: "read", password: new Secret("known to many") } as const;
  const source = await archived(ground, { roles: [role] });
  await backups.take(source.id, { kind: "full", ...keep });
  const copy = await wish({ ownerPassword: new Secret("another one") });
  await backups.restoreInto(copy, { of: source.id, target: { kind: "latest" } });
  const login = (user: string, password: Secret) =>
    asTenant(ground.driver, copy, (sql) => sql.query("select 1"), { user, password }).then(
      () => true,
      () => false,
    );
  expect(await login("orders", source.ownerPassword)).toBe(false);
  expect(await login("reader", role.password)).toBe(false);
  expect(await login("orders", copy.ownerPassword)).toBe(true);
});

test("the newest moment is there even when nothing happened for a while, and one to come is refused", async () => {
  const { backups } = ground;
  const source = await archived(ground);
  await insert(ground, source, 1);
  await backups.take(source.id, { kind: "full", ...keep });
  await insert(ground, source, 2);
  const at = await moment();
  const copy = await wish();
  expect(await codeOf(backups.restoreInto(copy, { of: source.id, target: { kind: "time", at: new Date(0) } }))).toBe(
    "NEB414",
  );
  const future = new Date(Date.now() + 3_600_000);
  expect(await codeOf(backups.restoreInto(copy, { of: source.id, target: { kind: "time", at: future } }))).toBe(
    "NEB414",
  );
  await backups.restoreInto(copy, { of: source.id, target: { kind: "time", at } });
  expect(await numbers(ground, copy)).toEqual([1, 2]);
});

test("incremental backups combine with the full one; a mark restores to where it stands", async () => {
  const { backups, driver } = ground;
  const source = await archived(ground);
  await insert(ground, source, 1);
  await backups.take(source.id, { kind: "full", ...keep });
  await insert(ground, source, 2);
  const second = await backups.take(source.id, { kind: "incremental", ...keep });
  await insert(ground, source, 3);
  const third = await backups.take(source.id, { kind: "incremental", ...keep });
  expect([second.kind, third.kind, third.parent]).toEqual(["incremental", "incremental", second.label]);
  await insert(ground, source, 4);
  const lsn = (await driver.mark(source.id, "before-the-change")) ?? "";
  await insert(ground, source, 5);
  const copy = await wish();
  const target = { kind: "point", name: "before-the-change", lsn } as const;
  expect((await backups.admit(source.id, target)).base).toBe(third.label);
  await backups.restoreInto(copy, { of: source.id, target });
  expect(await numbers(ground, copy)).toEqual([1, 2, 3, 4]);
  const asTaken = await wish();
  await backups.restoreInto(asTaken, { of: source.id, target: { kind: "backup", label: third.label } });
  expect(await numbers(ground, asTaken)).toEqual([1, 2, 3]);
  expect(await backups.verify(source.id)).toMatchObject({ label: third.label });
  expect(Object.keys((await backups.lines(source.id))[0]?.verified ?? {})).toEqual([third.label]);
});

describe("in place", () => {
  test("what was there is put aside, and a restore to before the restore is still possible", async () => {
    const { backups, driver } = ground;
    const wanted = await archived(ground);
    await insert(ground, wanted, 1);
    await backups.take(wanted.id, { kind: "full", ...keep });
    await insert(ground, wanted, 2);
    const at = await moment();
    await asTenant(ground.driver, wanted, (sql) => sql.query("drop table moments"));
    const dropped = await moment();
    const preview = await backups.preview(wanted.id, { kind: "time", at });
    expect(preview.tables).toEqual([{ table: "public.moments", rowsNow: null, rowsThen: 2, counted: true }]);
    await backups.restoreInPlace(wanted.id, { target: { kind: "time", at }, request: "op_1" });
    await driver.ensure(wanted);
    expect(await numbers(ground, wanted)).toEqual([1, 2]);
    expect(await driver.finalCopies(wanted.id)).toHaveLength(1);
    // repeated after a kill it does nothing
    await insert(ground, wanted, 3);
    await backups.restoreInPlace(wanted.id, { target: { kind: "time", at }, request: "op_1" });
    expect(await numbers(ground, wanted)).toEqual([1, 2, 3]);
    const copy = await wish();
    await backups.restoreInto(copy, { of: wanted.id, target: { kind: "time", at: dropped } });
    expect(await asTenant(ground.driver, copy, (sql) => sql.one("select to_regclass('moments') as t"))).toEqual({
      t: null,
    });
    await backups.take(wanted.id, { kind: "full", ...keep });
    expect(await backups.lines(wanted.id)).toHaveLength(2);
    expect(await backups.check(wanted.id, { deep: true })).toEqual([]);
  });
});

test("a database that was removed is restored from what is kept", async () => {
  const { backups, driver } = ground;
  const wanted = await archived(ground);
  await insert(ground, wanted, 1);
  await backups.take(wanted.id, { kind: "full", ...keep });
  await insert(ground, wanted, 2);
  await backups.ship(wanted.id);
  await driver.stop(wanted.id);
  const { coveredTo } = await backups.ship(wanted.id);
  expect(coveredTo).not.toBeNull();
  await driver.retire(wanted.id);
  await driver.remove(wanted.id);
  await driver.purge(wanted.id);
  const again = await wish();
  await backups.restoreInto(again, { of: wanted.id, target: { kind: "latest" } });
  expect(await numbers(ground, again)).toEqual([1, 2]);
});

test("a branch has the data of now, and neither side sees the other's changes", async () => {
  const { backups } = ground;
  const source = await archived(ground);
  for (const n of [1, 2, 3]) await insert(ground, source, n);
  const branch = await wish({ databaseName: "feature", ownerRole: "feature" });
  await backups.branch(branch, { of: source.id });
  expect(await numbers(ground, branch)).toEqual([1, 2, 3]);
  await insert(ground, branch, 10);
  await insert(ground, source, 4);
  expect(await numbers(ground, branch)).toEqual([1, 2, 3, 10]);
  expect(await numbers(ground, source)).toEqual([1, 2, 3, 4]);
});

test("one instance's log is never replayed into another, though Postgres itself could not tell them apart", async () => {
  const { backups, store } = ground;
  const [one, other] = [await archived(ground), await archived(ground)];
  for (const [wanted, n] of [
    [one, 1],
    [other, 100],
  ] as const) {
    await backups.take(wanted.id, { kind: "full", ...keep });
    await insert(ground, wanted, n);
    await ground.driver.stop(wanted.id);
    await backups.ship(wanted.id);
  }
  const [mine] = await backups.lines(one.id);
  const [theirs] = await backups.lines(other.id);
  const at = (line: typeof mine, last = line?.last) => `${line?.id}/${line?.identity}/wal/${last}`;
  expect(mine?.last).toBe(theirs?.last); // the same name in both: nothing but ours tells them apart
  await store.put(at(mine), await store.get(at(theirs)));
  expect(await codeOf(backups.restoreInto(await wish(), { of: one.id, target: { kind: "latest" } }))).toBe("NEB416");
  expect(await backups.check(one.id, { deep: true })).toHaveLength(1);
});
