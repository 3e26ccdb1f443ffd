import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeVault, Secret } from "../../platform/core/index.ts";
import type { DatabaseId, DatabaseSpec } from "../../platform/spec/index.ts";
import {
  deleteSecret,
  ensureCredential,
  forgetInstance,
  getCredential,
  getInstance,
  getSecret,
  listPurgeable,
  listSecretNames,
  putSecret,
  recordRemoved,
  reserveInstance,
  setCredential,
  setInstancePhase,
} from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
const vault = makeVault(new Secret(Buffer.alloc(32, 1).toString("base64")));
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(() => db.sql.query("truncate instances, credentials, secrets"));

const spec = { engine: "postgres", name: "orders", version: "18" } as DatabaseSpec;
const idOf = (name: string): DatabaseId => `acme.shop.${name}`;

const reserve = (name: string) =>
  db.sql.tx((tx) =>
    reserveInstance(tx, {
      ...{ id: idOf(name), stack: "acme.shop", placement: "local" as const, spec, fence: 1, commit: null },
    }),
  );

describe("instances", () => {
  test("a phase is written only upon what it was decided on", async () => {
    await reserve("orders");
    const seen = await getInstance(db.sql, idOf("orders"));
    if (seen === undefined) throw new Error("missing");
    expect(await setInstancePhase(db.sql, { ...seen, fence: 9 }, "Failed")).toBe(false);
    expect(await setInstancePhase(db.sql, { ...seen, phase: "Ready" }, "Failed")).toBe(false);
    expect(await setInstancePhase(db.sql, seen, "Ready")).toBe(true);
  });

  test("a removed one is forgotten with its passwords once its time is over, unless it is declared again", async () => {
    await reserve("orders");
    await ensureCredential(db.sql, vault, idOf("orders"), "owner");
    expect(await forgetInstance(db.sql, idOf("orders"))).toBe(false);
    await recordRemoved(db.sql, idOf("orders"), { fence: 1, keepSeconds: 3600 });
    expect(await listPurgeable(db.sql)).toEqual([]);
    await db.sql.query("update instances set purge_after = now()");
    expect((await listPurgeable(db.sql)).map(({ id }) => id)).toEqual([idOf("orders")]);
    await reserve("orders");
    expect(await forgetInstance(db.sql, idOf("orders"))).toBe(false);
    await recordRemoved(db.sql, idOf("orders"), { fence: 1, keepSeconds: 0 });
    expect(await forgetInstance(db.sql, idOf("orders"))).toBe(true);
    expect(await getCredential(db.sql, vault, idOf("orders"), "owner")).toBeUndefined();
  });
});

describe("secrets", () => {
  test("a password is made once, whoever asks, and replaced on wish", async () => {
    const asked = await Promise.all(Array.from({ length: 8 }, () => ensureCredential(db.sql, vault, "a.b.c", "owner")));
    expect(new Set(asked.map((secret) => secret.reveal())).size).toBe(1);
    expect(asked[0]?.reveal()).toMatch(/^[\w-]{32}$/);
    await setCredential(db.sql, vault, "a.b.c", "owner", new Secret("mine"));
    expect((await getCredential(db.sql, vault, "a.b.c", "owner"))?.reveal()).toBe("mine");
  });

  test("stand sealed, and a row moved to another owner does not open", async () => {
    await setCredential(db.sql, vault, "a.b.c", "owner", new Secret("canary"));
    await putSecret(db.sql, vault, "acme", "own", new Secret("canary"));
    const all = JSON.stringify([
      await db.sql.query("select * from credentials"),
      await db.sql.query("select * from secrets"),
    ]);
    expect(all).not.toContain("canary");
    expect(all).not.toContain(Buffer.from("canary").toString("base64"));
    await db.sql.query("update credentials set instance = 'a.b.other'");
    await db.sql.query("update secrets set tenant = 'rival'");
    await expect(getCredential(db.sql, vault, "a.b.other", "owner")).rejects.toThrow();
    await expect(getSecret(db.sql, vault, "rival", "own")).rejects.toThrow();
  });

  test("a tenant's secrets are listed by name, replaced and deleted", async () => {
    await putSecret(db.sql, vault, "acme", "b", new Secret("1"));
    await putSecret(db.sql, vault, "acme", "a", new Secret("2"));
    await putSecret(db.sql, vault, "acme", "b", new Secret("3"));
    expect((await listSecretNames(db.sql, "acme")).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(await listSecretNames(db.sql, "globex")).toEqual([]);
    expect((await getSecret(db.sql, vault, "acme", "b"))?.reveal()).toBe("3");
    expect(await deleteSecret(db.sql, "acme", "b")).toBe(true);
    expect(await deleteSecret(db.sql, "acme", "b")).toBe(false);
  });
});
