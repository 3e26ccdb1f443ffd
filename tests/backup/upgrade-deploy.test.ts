/** An upgrade as a deployment brings it about: real servers of two major versions, a real ledger, no Pulumi. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type DirectEffects, makeDirectEffects } from "../../platform/provider/index.ts";
import { type DatabaseId, type DatabaseSpec, resolveDatabase } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import {
  claimOperation,
  enqueueOperation,
  getCredential,
  getInstance,
  listEvents,
} from "../../platform/store/index.ts";
import { vault } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { type BackupGround, makeBackupGround } from "./ground.ts";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

const stack = "acme.shop";
const place = { tenant: "acme", project: "shop", placement: "local", region: "local" } as const;
const id = `${stack}.orders` as DatabaseId;

let db: TestDatabase;
let ground: BackupGround;
let direct: DirectEffects;
let operation: string;
let scope: { readonly stack: string; readonly fence: number; readonly commit: null };
beforeAll(async () => {
  [db, ground] = await Promise.all([testDatabase(), makeBackupGround({ driver: { older: ["15"] } })]);
  const { driver, backups } = ground;
  direct = makeDirectEffects({ sql: db.sql, vault, driver, archive: true, upgrade: backups.upgrade });
  ({ id: operation } = await enqueueOperation(db.sql, { stack, type: "DEPLOY", requestedBy: "t" }));
  const claim = await claimOperation(db.sql, { holder: "t", types: ["DEPLOY"], leaseSeconds: 3600 });
  scope = { stack, fence: claim?.fence ?? 0, commit: null };
});
afterAll(async () => {
  await ground?.clear();
  await db?.close();
});

const orders = (version: string): DatabaseSpec => {
  const found = resolveDatabase({ engine: "postgres", name: "orders", options: { version, extensions: ["citext"] } });
  if (found.kind !== "ok") throw new Error(JSON.stringify(found.problems));
  return found.spec;
};
const ensure = (version: string) => direct.under(scope).ensure({ ...place, ...orders(version) }, "update");

/** As its owner, with the password that the ledger has. */
async function ask<T>(body: (sql: Sql) => Promise<T>): Promise<T> {
  const seen = await ground.driver.observe(id);
  const password = await getCredential(db.sql, vault, id, seen?.ownerRole ?? "");
  if (seen === undefined || password === undefined) throw new Error("it is not there");
  const { host, socketPort: port, ownerRole: user, databaseName: database } = seen;
  return connectOnce(connectionUrl({ host, port, user, password, database }), body);
}
const rows = () => ask(async (sql) => (await sql.one<{ n: number }>("select count(*)::int as n from kept")).n);

test("a deployment of a newer version upgrades: its steps are lines of the operation, and the ledger knows the new folder", async () => {
  await ensure("15");
  await ask((sql) => sql.query("create table kept (n int); insert into kept select generate_series(1, 100)"));
  const before = await getInstance(db.sql, id);
  expect(before?.version).toBe("15");
  await ensure("18");
  expect(await rows()).toBe(100);
  const after = await getInstance(db.sql, id);
  expect(after?.version).toBe("18");
  expect(after?.identity).not.toBe(before?.identity);
  const lines = (await listEvents(db.sql, operation)).filter(({ phase }) => phase === "upgrade");
  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringContaining("rehearsing PostgreSQL 15 to 18"),
    expect.stringContaining("full backup"),
    expect.stringContaining("converting the data: 100 rows"),
  ]);

  // killed after the data was converted and before that was noted: the next try finds it done
  await db.sql.query("update instances set identity = $2, version = '15' where id = $1", [id, before?.identity]);
  await ensure("18");
  expect((await getInstance(db.sql, id))?.identity).toBe(after?.identity);
  expect(await rows()).toBe(100);
});

test("another folder that no upgrade has made is still nobody's", async () => {
  await db.sql.query("update instances set identity = 'another' where id = $1", [id]);
  expect(await codeOf(ensure("18"))).toBe("NEB401");
});

test("without a place for backups there is no upgrade, and it says so", async () => {
  const { driver } = ground;
  const bare = makeDirectEffects({ sql: db.sql, vault, driver });
  const spec = { ...orders("15"), name: "other" };
  await bare.under(scope).ensure({ ...place, ...spec }, "create");
  expect(await codeOf(bare.under(scope).ensure({ ...place, ...spec, version: "18" }, "update"))).toBe("NEB363");
});
