/** Where tenants' own secrets are kept: the ledger, or a Vault. One suite for both. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeVault, Secret } from "../../platform/core/index.ts";
import { makeKvSecrets, makeLedgerSecrets, makeVaultClient, type TenantSecrets } from "../../platform/keys/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { startVaultServer, type VaultServer } from "../keys/vault-server.ts";

let server: VaultServer;
let db: TestDatabase;
beforeAll(async () => {
  [server, db] = await Promise.all([startVaultServer(), testDatabase()]);
});
afterAll(() => Promise.all([server.close(), db.close()]));

const client = () => makeVaultClient({ address: server.address, token: () => new Secret(server.token) });
const ports: Record<string, () => TenantSecrets> = {
  ledger: () => makeLedgerSecrets(db.sql, makeVault(new Secret(Buffer.alloc(32, 1).toString("base64")))),
  "vault KV v2": () => makeKvSecrets(client(), "secret/nebula"),
};

describe.each(Object.entries(ports))("%s", (_, make) => {
  test("a secret is kept, replaced, listed by name and deleted", async () => {
    const port = make();
    expect(await port.list("shop")).toEqual([]);
    expect(await port.get("shop", "word")).toBeUndefined();
    expect(await port.delete("shop", "word")).toBe(false);
    for (const value of ["first value é", "second\nvalue"]) {
      await port.put("shop", "word", new Secret(value));
      expect((await make().get("shop", "word"))?.reveal()).toBe(value);
    }
    await port.put("shop", "another", new Secret("x"));
    const listed = await port.list("shop");
    expect(listed.map(({ name }) => name)).toEqual(["another", "word"]);
    expect(Date.now() - (listed[0]?.createdAt.getTime() ?? 0)).toBeLessThan(60_000);
    expect(JSON.stringify(listed)).not.toContain("value");
    expect(await port.delete("shop", "word")).toBe(true);
    expect(await port.get("shop", "word")).toBeUndefined();
    expect((await port.list("shop")).map(({ name }) => name)).toEqual(["another"]);
  });

  test("a tenant has its own secrets only", async () => {
    const port = make();
    await port.put("one", "word", new Secret("of one"));
    await port.put("one-more", "word", new Secret("of the other"));
    expect((await port.get("one", "word"))?.reveal()).toBe("of one");
    expect((await port.list("one")).map(({ name }) => name)).toEqual(["word"]);
    expect(await port.get("two", "word")).toBeUndefined();
  });
});

test("a name cannot leave the tenant's folder in Vault", async () => {
  const port = makeKvSecrets(client(), "secret/nebula");
  await port.put("bank", "word", new Secret("of the bank"));
  expect(await port.get("shop/../bank", "word")).toBeUndefined();
  expect(await port.get("shop", "../bank/word")).toBeUndefined();
});

test("a secret that is not text under `value` is refused by name, without its content", async () => {
  await client().ask("POST", "secret/data/nebula/shop/odd", { data: { other: "hidden-word" } });
  const attempt = makeKvSecrets(client(), "secret/nebula").get("shop", "odd");
  await expect(attempt).rejects.toMatchObject({ code: "NEB908", message: expect.stringContaining("nebula/shop/odd") });
  await expect(attempt).rejects.not.toMatchObject({ message: expect.stringContaining("hidden-word") });
});
