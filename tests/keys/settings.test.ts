/** How the keys come from an environment: files that are read again, a Vault, and the way from one to the other. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { type Keyring, keysFrom, openKeyring, tenantSecretsFrom } from "../../platform/keys/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { startVaultServer, type VaultServer } from "./vault-server.ts";

let db: TestDatabase;
let sql: Pool;
let vault: VaultServer;
let folder: string;
beforeAll(async () => {
  [db, vault] = await Promise.all([testDatabase(), startVaultServer()]);
  sql = makePool({ url: db.appUrl, applicationName: "test", max: 3 });
  folder = mkdtempSync(join(tmpdir(), "nebula-key-files-"));
});
afterAll(async () => {
  await sql?.close();
  await Promise.all([db?.close(), vault?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const newKey = () => randomBytes(32).toString("base64");
const keep = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return file;
};
const lend = async <T>(environment: Record<string, string>, body: (keyring: Keyring) => Promise<T>): Promise<T> => {
  const keyring = await openKeyring({ sql, ...keysFrom(environment) });
  try {
    return await body(keyring);
  } finally {
    await keyring.close();
  }
};
const context = "secret:shop:word";

test("a key file is replaced under a process that runs, then goes to Vault, and the same values open all the way", async () => {
  const files = {
    NEBULA_MASTER_KEY_FILE: keep("master.key", newKey()),
    NEBULA_MASTER_KEY_PREVIOUS_FILE: join(folder, "master.key.previous"),
  };
  const inVault = {
    NEBULA_KMS: "vault",
    NEBULA_VAULT_ADDR: vault.address,
    NEBULA_VAULT_TOKEN_FILE: keep("token", vault.token),
  };
  let sealed = "";
  await lend(files, async (running) => {
    sealed = running.vault.seal(new Secret("word"), context);
    renameSync(files.NEBULA_MASTER_KEY_FILE, files.NEBULA_MASTER_KEY_PREVIOUS_FILE);
    keep("master.key", newKey());
    expect(await running.rotateKek()).toBe(2);
    rmSync(files.NEBULA_MASTER_KEY_PREVIOUS_FILE);
    expect(await running.rotateKek()).toBe(2);
  });
  await lend(files, async ({ vault: opened }) => expect(opened.open(sealed, context).reveal()).toBe("word"));

  await lend({ ...files, ...inVault }, async (both) => {
    expect(await both.rotateKek()).toBe(2);
    expect((await both.list()).map(({ kek }) => kek)).toEqual(["transit:transit/nebula", "transit:transit/nebula"]);
  });
  await lend(inVault, async (last) => {
    expect(last.vault.open(sealed, context).reveal()).toBe("word");
    vault.rotateTransit("nebula");
    await last.rotateKek();
    for (const { wrapped } of await last.list()) expect(wrapped).toMatch(/^vault:v2:/);
  });
  await expect(lend(files, async () => undefined)).rejects.toMatchObject({ code: "NEB905" });

  vault.fail(503, 9);
  await expect(lend(inVault, async () => undefined)).rejects.toMatchObject({ code: "NEB907" });
  vault.fail(0, 0);
});

test("what is missing is named, and a key in a variable is refused outside of development", () => {
  expect(() => keysFrom({})).toThrow(expect.objectContaining({ code: "NEB906" }));
  expect(() => keysFrom({ NEBULA_KMS: "vault" })).toThrow(/NEBULA_VAULT_ADDR/);
  expect(() => keysFrom({ NEBULA_MASTER_KEY: newKey() })).toThrow(/mount it and set NEBULA_MASTER_KEY_FILE/);
  expect(keysFrom({ NEBULA_MODE: "development", NEBULA_MASTER_KEY: newKey() }).kek.id()).toMatch(/^local:/);
  expect(() => keysFrom({ NEBULA_KMS: "aws" })).toThrow(/must be one of local, vault/);
});

test("tenants' secrets come from where the environment says", async () => {
  const environment = {
    NEBULA_TENANT_SECRETS: "vault",
    NEBULA_VAULT_ADDR: vault.address,
    NEBULA_VAULT_TOKEN_FILE: keep("token", vault.token),
  };
  const local = { NEBULA_MODE: "development", NEBULA_MASTER_KEY: newKey() };
  await sql.query("delete from data_keys");
  await lend(local, async (keyring) => {
    const there = tenantSecretsFrom(environment, sql, keyring.vault);
    await there.put("shop", "word", new Secret("in Vault"));
    expect((await there.get("shop", "word"))?.reveal()).toBe("in Vault");
    expect(await tenantSecretsFrom(local, sql, keyring.vault).get("shop", "word")).toBeUndefined();
    expect(await sql.query("select 1 from secrets")).toEqual([]);
  });
});
