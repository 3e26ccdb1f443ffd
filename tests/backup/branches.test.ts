/** The life of a branch, as the provider brings it about: real servers, a real ledger, no Pulumi. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Backups, makeBackups } from "../../platform/backup/index.ts";
import { readGate } from "../../platform/compute/index.ts";
import type { Secret } from "../../platform/core/index.ts";
import { makeFileStore } from "../../platform/objects/index.ts";
import { type DirectEffects, makeDirectEffects } from "../../platform/provider/index.ts";
import { type DatabaseId, type DatabaseSpec, resolveBranch, resolveDatabase } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import {
  claimOperation,
  enqueueOperation,
  getCredential,
  getInstance,
  type Instance,
} from "../../platform/store/index.ts";
import { makeGround, vault } from "../compute/ground.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const stack = "acme.shop";
const place = { tenant: "acme", project: "shop", placement: "local", region: "local" } as const;
const idOf = (name: string) => `${stack}.${name}` as DatabaseId;

let db: TestDatabase;
let ground: Awaited<ReturnType<typeof makeGround>>;
let backups: Backups;
let direct: DirectEffects;
let scope: { readonly stack: string; readonly fence: number; readonly commit: null };
let storeDir: string;

beforeAll(async () => {
  db = await testDatabase();
  ground = await makeGround({ spares: 0 });
  storeDir = mkdtempSync(join(tmpdir(), "nebula-branches-"));
  const { driver } = ground;
  backups = makeBackups({ driver, store: makeFileStore(storeDir), vault });
  direct = makeDirectEffects({
    ...{ sql: db.sql, vault, driver },
    makeBranch: async (wanted, { source, at }) =>
      void (await backups.branch(wanted, { of: source, ...(at === null ? {} : { at: new Date(at) }) })),
  });
  await enqueueOperation(db.sql, { stack, type: "DEPLOY", requestedBy: "t" });
  const claim = await claimOperation(db.sql, { holder: "t", types: ["DEPLOY"], leaseSeconds: 3600 });
  scope = { stack, fence: claim?.fence ?? 0, commit: null };
  await ensure(orders);
  await ask("orders", (sql) => sql.query("create table kept (n int); insert into kept select generate_series(1, 100)"));
});
afterAll(async () => {
  await ground?.clear();
  await db?.close();
  rmSync(storeDir, { recursive: true, force: true });
});

const orders = resolved(
  resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18", roles: [{ name: "reader" }] } }),
);
const branch = (name: string, options: object = {}, pull?: number): DatabaseSpec => {
  const spec = resolved(resolveBranch({ name, options: { of: "orders", ...options } }, [orders]));
  return pull === undefined || spec.branch === undefined ? spec : { ...spec, branch: { ...spec.branch, pull } };
};
const ensure = (spec: DatabaseSpec) => direct.under(scope).ensure({ ...place, ...spec }, "create");
const known = (name: string): Promise<Instance | undefined> => getInstance(db.sql, idOf(name));
const age = (name: string, seconds: number) =>
  db.sql.query("update instances set created_at = created_at - make_interval(secs => $2) where id = $1", [
    idOf(name),
    seconds,
  ]);

async function ask<T>(name: string, body: (sql: Sql) => Promise<T>, password?: Secret): Promise<T> {
  const seen = await ground.driver.observe(idOf(name));
  const kept = password ?? (await getCredential(db.sql, vault, idOf(name), seen?.ownerRole ?? ""));
  if (seen === undefined || kept === undefined) throw new Error(`${name} is not there`);
  const target = {
    host: seen.host,
    port: seen.socketPort,
    user: seen.ownerRole,
    password: kept,
    database: seen.databaseName,
  };
  return connectOnce(connectionUrl(target), body);
}
const rows = (name: string): Promise<number> =>
  ask(name, async (sql) => (await sql.one<{ n: number }>("select count(*)::int as n from kept")).n);

test("a branch has its parent's rows, and an endpoint, names and passwords of its own", async () => {
  await ensure(branch("feature-x"));
  expect(await rows("feature-x")).toBe(100);
  await ask("feature-x", (sql) => sql.query("delete from kept where n > 10"));
  await ask("orders", (sql) => sql.query("insert into kept values (101)"));
  expect([await rows("feature-x"), await rows("orders")]).toEqual([10, 101]);
  const parents = await getCredential(db.sql, vault, idOf("orders"), "orders_owner");
  await expect(ask("feature-x", (sql) => sql.query("select 1"), parents)).rejects.toMatchObject({ code: "NEB914" });
  const seen = await ground.driver.observe(idOf("feature-x"));
  expect(seen).toMatchObject({ databaseName: "feature_x", ownerRole: "feature_x_owner", phase: "Ready" });
  const identities = await Promise.all(["orders", "feature-x"].map(async (name) => (await known(name))?.identity));
  expect(new Set(identities).size).toBe(2);
});

test("deploying it again leaves it as it has become", async () => {
  await ensure(branch("feature-x"));
  expect(await rows("feature-x")).toBe(10);
});

test("a reset makes it anew: its address and its passwords stay, what was written in it does not", async () => {
  const before = await known("feature-x");
  const password = await getCredential(db.sql, vault, idOf("feature-x"), "feature_x_owner");
  await direct.branches(scope).reset(idOf("feature-x"));
  expect(await rows("feature-x")).toBe(101);
  const after = await known("feature-x");
  expect(after).toMatchObject({ phase: "Ready", host: before?.host, createdAt: before?.createdAt });
  expect(after?.identity).not.toBe(before?.identity);
  expect((await getCredential(db.sql, vault, idOf("feature-x"), "feature_x_owner"))?.reveal()).toBe(password?.reveal());
  expect(await ground.driver.finalCopies(idOf("feature-x"))).toEqual([]);
});

test("nothing but a branch is reset, or taken away without being retired", async () => {
  await expect(direct.branches(scope).reset(idOf("orders"))).rejects.toMatchObject({ code: "NEB695" });
  await expect(direct.under(scope).remove(idOf("orders"))).rejects.toMatchObject({ code: "NEB320" });
});

test("at its end it is stopped and let alone; a longer time brings it back as it was; a day later nothing is left", async () => {
  await ensure(branch("short", { ttl: "1h" }));
  await ask("short", (sql) => sql.query("insert into kept values (0)"));
  const gate = await readGate(ground.dataDir, idOf("short"));
  expect(Date.parse(gate?.expiresAt ?? "") - ((await known("short"))?.createdAt.getTime() ?? 0)).toBe(3_600_000);

  await direct.branches(scope).expire(idOf("short"));
  expect(await known("short"), "its time is not over").toMatchObject({ phase: "Ready" });
  await age("short", 3_700);
  await direct.branches(scope).expire(idOf("short"));
  expect(await known("short")).toMatchObject({ phase: "Expired" });
  expect(await ground.driver.observe(idOf("short"))).toMatchObject({ running: false, phase: "Retired" });
  await ensure(branch("short", { ttl: "1h", tags: { still: "there" } }));
  expect(await known("short"), "a deployment does not bring it back").toMatchObject({ phase: "Expired" });

  await ensure(branch("short", { ttl: "3h" }));
  expect(await known("short")).toMatchObject({ phase: "Ready", retiredAt: null });
  expect(await rows("short")).toBe(102);

  await age("short", 3 * 3_600);
  await direct.branches(scope).expire(idOf("short"));
  await db.sql.query("update instances set retired_at = now() - interval '25 hours' where id = $1", [idOf("short")]);
  await direct.branches(scope).expire(idOf("short"));
  expect(await known("short")).toMatchObject({ phase: "Expired", dataDir: null, host: null });
  expect(await ground.driver.observe(idOf("short"))).toBeUndefined();
  await ensure(branch("short", { ttl: "30d" }));
  expect(await rows("short"), "made anew of its parent").toBe(101);
});

test("a branch goes with its file, and its final copy is kept for a day", async () => {
  await direct.under(scope).remove(idOf("short"));
  const gone = await known("short");
  expect(gone?.phase).toBe("Removed");
  const kept = (gone?.purgeAfter?.getTime() ?? 0) - (gone?.removedAt?.getTime() ?? 0);
  expect(kept).toBe(86_400_000);
  expect(await ground.driver.finalCopies(idOf("short"))).toHaveLength(1);
});

test("that of a pull request is made and taken away, and nothing of it stays", async () => {
  const preview = branch("pr-7-orders", {}, 7);
  await direct.branches(scope).open({ ...place, ...preview });
  expect(await rows("pr-7-orders")).toBe(101);
  await expect(direct.branches(scope).close(idOf("feature-x"))).rejects.toMatchObject({ code: "NEB695" });
  await direct.branches(scope).close(idOf("pr-7-orders"));
  expect((await known("pr-7-orders"))?.phase).toBe("Removed");
  expect(await ground.driver.finalCopies(idOf("pr-7-orders"))).toEqual([]);
});

test("a file that becomes a database's keeps what is in it", async () => {
  const { branch: _, ...own } = branch("feature-x");
  await ensure(own);
  expect(await rows("feature-x")).toBe(101);
  expect((await known("feature-x"))?.spec.branch).toBeUndefined();
  await expect(direct.under(scope).remove(idOf("feature-x"))).rejects.toMatchObject({ code: "NEB320" });
});

function resolved(made: ReturnType<typeof resolveDatabase>): DatabaseSpec {
  if (made.kind === "invalid") throw new Error(JSON.stringify(made.problems));
  return made.spec;
}
