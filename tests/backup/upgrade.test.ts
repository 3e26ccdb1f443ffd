/** From one major version to the next, with the real programs of both: Debian's PostgreSQL 15 beside the one that new databases get. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { asTenant, wish } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { type BackupGround, keep, makeBackupGround } from "./ground.ts";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

const older = "15";
let ground: BackupGround;
beforeAll(async () => {
  if (!existsSync(`/usr/lib/postgresql/${older}/bin/pg_resetwal`))
    throw new Error(`PostgreSQL ${older} is not on this machine: install the package postgresql-${older}`);
  ground = await makeBackupGround({ driver: { older: [older] } });
});
afterAll(() => ground?.clear());

const roles = [{ name: "reporter", login: true, access: "read", password: new Secret("reporter's own") }] as const;
const tenant = <T>(wanted: InstanceWanted, body: (sql: Sql) => Promise<T>, login = {}) =>
  asTenant(ground.driver, wanted, body, login);
const majorOf = (wanted: InstanceWanted) =>
  tenant(wanted, async (sql) => {
    const { major } = await sql.one<{ major: number }>(
      "select current_setting('server_version_num')::int / 10000 as major",
    );
    return String(major);
  });

async function made(changes: Partial<InstanceWanted> = {}): Promise<InstanceWanted> {
  const wanted = await wish({ version: older, archive: true, extensions: ["citext", "pg_trgm"], roles, ...changes });
  await ground.driver.ensure(wanted);
  await tenant(wanted, async (sql) => {
    await sql.query("create table orders (id int primary key, name citext, at timestamptz default now())");
    await sql.query("insert into orders (id, name) select i, 'order ' || i from generate_series(1, 5000) i");
    await sql.query("create index on orders using gin ((name::text) gin_trgm_ops)");
    await sql.query("create schema other; create table other.empty (id int)");
  });
  return wanted;
}
const newer = (wanted: InstanceWanted): InstanceWanted => ({ ...wanted, version: "18" });
const upgrade = (wanted: InstanceWanted, say?: (step: string) => void) =>
  ground.backups.upgrade(wanted, { keep, ...(say === undefined ? {} : { say }) });
const leftovers = () => [
  ...readdirSync(join(ground.dataDir, "building")),
  ...readdirSync(join(ground.dataDir, "instances")).filter((name) => name.startsWith(".")),
];

test("a database comes to another major version with its rows, roles, passwords and extensions; what was before is kept until a backup is good", async () => {
  const { driver, backups } = ground;
  const wanted = await made();
  expect(await majorOf(wanted)).toBe(older);
  const { files } = (await driver.facts(wanted.id)) ?? {};
  expect(files).toEqual([]);
  // not without its upgrade: a deployment alone converts nothing
  expect(await codeOf(driver.ensure(newer(wanted)))).toBe("NEB349");

  const steps: string[] = [];
  await upgrade(newer(wanted), (step) => steps.push(step));
  expect(steps.map((step) => step.split(" ")[0])).toEqual(["rehearsing", "taking", "converting"]);
  const ensured = await driver.ensure(newer(wanted));
  expect(ensured.version).toBe("18");
  expect(await majorOf(wanted)).toBe("18");
  const seen = await tenant(wanted, (sql) =>
    sql.one<{ rows: number; found: number; analysed: number }>(
      `select (select count(*)::int from orders) as rows, (select count(*)::int from orders where name = 'ORDER 7') as found,
         (select reltuples::int from pg_class where relname = 'orders') as analysed`,
    ),
  );
  expect(seen).toEqual({ rows: 5000, found: 1, analysed: 5000 });
  const reporter = { user: "reporter", password: roles[0].password };
  expect(await tenant(wanted, (sql) => sql.query("select from orders limit 1"), reporter)).toHaveLength(1);
  const inside = await driver.inspect(wanted.id, new Map());
  expect(inside?.settings).toEqual([]);
  expect(inside?.extensions.map(({ name, version, given }) => [name, version === given])).toEqual([
    ["citext", true],
    ["pg_trgm", true],
    ["plpgsql", false],
  ]);
  expect(leftovers()).toEqual([]);

  // the old folder, whole, until there is a backup of the new one
  const [copy] = await driver.finalCopies(wanted.id);
  expect(copy).toMatchObject({ version: older, identity: ensured.formerIdentity });
  expect(await upgrade(newer(wanted))).toBeUndefined();
  expect(await driver.finalCopies(wanted.id)).toHaveLength(1);
  const base = await backups.take(wanted.id, { kind: "full", ...keep });
  expect(base.version).toBe("18");
  expect(await driver.finalCopies(wanted.id)).toEqual([]);

  // its log and its backups go on; those of before are of the other version, and say so
  await tenant(wanted, (sql) => sql.query("insert into orders (id, name) values (0, 'after')"));
  const { extensions } = wanted;
  const other = await wish({ version: "18", extensions, roles });
  await backups.restoreInto(other, { of: wanted.id, target: { kind: "latest" } });
  expect(await tenant(other, (sql) => sql.query("select from orders where id = 0"))).toHaveLength(1);
  const before = (await backups.lines(wanted.id))[0]?.bases[0]?.label ?? "";
  const target = { kind: "backup", label: before } as const;
  const refused = backups.restoreInto(await wish({ version: "18", extensions }), { of: wanted.id, target });
  expect(await codeOf(refused)).toBe("NEB427");
});

test("a backup of the old version is tried with the old version's own programs", async () => {
  const wanted = await made();
  await ground.backups.take(wanted.id, { kind: "full", ...keep });
  expect((await ground.backups.verify(wanted.id)).version).toBe(older);
});

test("what fails in the rehearsal fails there: the reason is named, and the database runs on as it was", async () => {
  const wanted = await made();
  // pg_upgrade cannot carry such a column over
  await tenant(wanted, (sql) => sql.query("create table holds_oids (which regcollation)"));
  const pid = (await ground.driver.observe(wanted.id))?.pid;
  const failed = await upgrade(newer(wanted)).then(
    () => undefined,
    (thrown: { code: string; message: string }) => thrown,
  );
  expect(failed?.code).toBe("NEB425");
  expect(failed?.message).toContain("NEB364");
  expect(failed?.message).toMatch(/holds_oids\.which/);
  expect(await ground.driver.observe(wanted.id)).toMatchObject({ version: older, phase: "Ready", pid });
  expect(await ground.driver.finalCopies(wanted.id)).toEqual([]);
  expect(leftovers()).toEqual([]);

  await tenant(wanted, (sql) => sql.query("drop table holds_oids"));
  await upgrade(newer(wanted));
  expect(await majorOf(wanted)).toBe("18");
});

test("when the conversion itself fails, the old one is started again", async () => {
  const wanted = await made();
  const conversion = ground.driver.upgrade(wanted.id, {
    version: "18",
    make: async () => {
      throw new Error("the disk broke");
    },
  });
  await expect(conversion).rejects.toThrow("the disk broke");
  expect(await majorOf(wanted)).toBe(older);
  // a converted folder that does not start: the old one gets its name back
  const broken = ground.driver.upgrade(wanted.id, {
    version: "18",
    make: (stopped, pgdata) => ground.driver.machinery.copy(stopped, pgdata),
  });
  expect(await codeOf(broken)).toBe("NEB345");
  expect(await majorOf(wanted)).toBe(older);
  expect(await tenant(wanted, (sql) => sql.query("select from orders"))).toHaveLength(5000);
  expect(leftovers()).toEqual([]);
});

test("a version that is not on the machine is said to be so", async () => {
  const wanted = await made();
  expect(await codeOf(upgrade({ ...wanted, version: "12" }))).toBe("NEB425");
  expect(await codeOf(ground.driver.machinery.programsFor("12"))).toBe("NEB349");
});
