/** What a deployment's process is lent: of its own stack what the job needs, of every other nothing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeBorrowedVault, makeVault, Secret } from "../../platform/core/index.ts";
import { makeKvSecrets, makeVaultClient } from "../../platform/keys/index.ts";
import { makeLender } from "../../reconciler/deploy/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { startVaultServer, type VaultServer } from "../keys/vault-server.ts";
import { database, project } from "./stand.ts";

const vault = makeVault(new Secret(Buffer.alloc(32, 6).toString("base64")));
let db: TestDatabase;
let server: VaultServer;
beforeAll(async () => {
  [db, server] = await Promise.all([testDatabase(), startVaultServer()]);
});
afterAll(() => Promise.all([db?.close(), server?.close()]));

const lender = () => {
  const client = makeVaultClient({ address: server.address, token: () => new Secret(server.token) });
  return makeLender({ sql: db.sql, vault, secrets: makeKvSecrets(client, "secret/nebula") });
};
const spec = project("shop", "store", [
  database("orders", { password: { kind: "secret", name: "word" } }),
  database("carts"),
]);
const job = { kind: "deploy", stack: "shop.store", fence: 1, commit: null, spec, salt: null, refresh: false } as const;

test("a deployment gets its stack's keys, its passphrase and the secrets that it names, wherever they are kept", async () => {
  const client = makeVaultClient({ address: server.address, token: () => new Secret(server.token) });
  for (const name of ["word", "other"])
    await makeKvSecrets(client, "secret/nebula").put("shop", name, new Secret(`value of ${name}`));
  const loan = await lender().for(job);
  expect(loan.secrets).toEqual({ word: "value of word" });
  const borrowed = makeBorrowedVault(loan.vault);
  const own = "credential:shop.store.orders:owner";
  expect(vault.open(borrowed.seal(new Secret("p"), own), own).reveal()).toBe("p");
  for (const purpose of ["pulumi:shop", "compute:admin:shop.store.orders", "compute:template-admin"])
    expect(borrowed.derive(purpose).reveal()).toBe(vault.derive(purpose).reveal());
  for (const purpose of ["pulumi:bank", "compute:admin:shop.other.orders", "audit:signing", "audit:lookup"])
    expect(() => borrowed.derive(purpose), purpose).toThrow(/lent/);
  for (const other of ["credential:shop.other.orders:owner", "secret:shop:word", "repository:r:app-key", "subject:s"])
    expect(() => borrowed.open(vault.seal(new Secret("p"), other), other), other).toThrow(/lent/);
  expect(JSON.stringify(loan)).not.toMatch(/value of other/);
});

test("a preview gets a passphrase and no key, and an idle worker neither", async () => {
  const loan = await lender().for({ kind: "preview", stack: "shop.store", spec, checkpoint: null, salt: null });
  expect(loan.secrets).toEqual({});
  expect(loan.vault.keys).toEqual({});
  expect(makeBorrowedVault(loan.vault).derive("pulumi:shop").reveal()).toBe(vault.derive("pulumi:shop").reveal());
  const { first } = lender();
  expect(first.vault.keys).toEqual({});
  expect(Object.keys(first.vault.derived).filter((purpose) => !purpose.startsWith("compute:"))).toEqual([]);
});
