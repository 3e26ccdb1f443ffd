/** Rotation: of data keys under replicas that run, and of the key that wraps them. */
import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { makeVault, type Observation, Secret } from "../../platform/core/index.ts";
import {
  forgeColumns,
  type Keyring,
  type KeyringOptions,
  keysInUse,
  ledgerColumns,
  maintainKeys,
  makeLocalKey,
  openKeyring,
} from "../../platform/keys/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import {
  credentialContext,
  ensureCredential,
  getCredential,
  getSecret,
  putSecret,
  putSetting,
} from "../../platform/store/index.ts";
import { makeForge } from "../../portal/forge/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const newMaster = () => new Secret(randomBytes(32).toString("base64"));
const open: { close(): unknown }[] = [];
let db: TestDatabase;
const folder = mkdtempSync(join(tmpdir(), "nebula-keys-"));

beforeAll(async () => {
  db = await testDatabase();
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  await db.close();
  db = await testDatabase();
});
afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true, force: true });
});

/** One replica: a pool of its own, as the application's role. */
async function replica(master: Secret, more: Partial<KeyringOptions> = {}): Promise<Keyring & { readonly sql: Pool }> {
  const sql = makePool({ url: db.appUrl, applicationName: "test", max: 3 });
  open.push(sql);
  const keyring = await openKeyring({
    sql,
    kek: makeLocalKey(() => master),
    masterKey: () => master,
    leadSeconds: 0.6,
    ...more,
  });
  open.push(keyring);
  return { ...keyring, sql };
}

const sealV1 = (master: Secret, text: string, context: string): string => {
  const key = Buffer.from(hkdfSync("sha256", Buffer.from(master.reveal(), "base64"), "nebuladb", "seal:v1", 32));
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return `v1:${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64")}`;
};

test("a new ledger gets a root and a key of its own, the same for everybody who starts at once", async () => {
  const master = newMaster();
  const rings = await Promise.all([replica(master), replica(master), replica(master)]);
  expect((await rings[0]?.list())?.map(({ purpose }) => purpose).sort()).toEqual(["data", "root"]);
  const [one, two] = rings;
  const sealed = one?.vault.seal(new Secret("word"), "secret:shop:a") ?? "";
  expect(two?.vault.open(sealed, "secret:shop:a").reveal()).toBe("word");
  expect(two?.vault.derive("x").reveal()).toBe(one?.vault.derive("x").reveal());
  expect(one?.vault.derive("x").reveal()).not.toBe(makeVault(master).derive("x").reveal());
  const { dump } = await db.sql.one<{ dump: string }>("select string_agg(k::text, ' ') as dump from data_keys k");
  expect(dump).not.toContain(master.reveal());
});

test("a ledger of the first release keeps its derived secrets, and everything is sealed anew at the first start", async () => {
  const master = newMaster();
  const context = credentialContext("shop.store.orders", "owner");
  await db.sql.query(
    "insert into credentials (instance, role, password_sealed) values ('shop.store.orders', 'owner', $1)",
    [sealV1(master, "old password", context)],
  );
  await putSetting(db.sql, "forge:git-token", sealV1(master, "git token", "forge:git-token"));
  const ring = await replica(master);
  expect(ring.vault.derive("pulumi:shop").reveal()).toBe(makeVault(master).derive("pulumi:shop").reveal());
  expect((await getCredential(ring.sql, ring.vault, "shop.store.orders", "owner"))?.reveal()).toBe("old password");
  const rows = await db.sql.query<{ text: string }>(
    "select password_sealed as text from credentials union all select value #>> '{}' from settings where key = 'forge:git-token'",
  );
  for (const { text } of rows) expect(text).toMatch(new RegExp(`^v2:${ring.current()}:`));
});

test("without its master key a ledger of the first release is not touched", async () => {
  await db.sql.query("insert into secrets (tenant, name, value_sealed) values ('shop', 'a', 'v1:x')");
  await expect(replica(newMaster(), { masterKey: () => undefined })).rejects.toMatchObject({ code: "NEB906" });
  expect(await db.sql.query("select 1 from data_keys")).toEqual([]);
});

test("under another master key nothing opens, and it says which one is missing", async () => {
  await replica(newMaster());
  await expect(replica(newMaster())).rejects.toMatchObject({
    code: "NEB905",
    message: expect.stringMatching(/was wrapped by local:[0-9a-f]{16}, which is not configured/),
  });
});

test("keys rotate under replicas that read and write without a pause, and nothing is left under the old key", async () => {
  const master = newMaster();
  const [one, two] = [await replica(master), await replica(master)];
  const faults: Observation[] = [];
  const maintenance = maintainKeys({
    ...{ keyring: one, ledger: one.sql, forge: undefined, everyMs: 20 },
    observe: (seen) => seen.kind === "fault" && faults.push(seen),
  });
  open.push(maintenance);
  for (let i = 0; i < 400; i++) await putSecret(one.sql, one.vault, "shop", `s${i}`, new Secret(`value ${i}`));
  const first = one.current();
  let running = true;
  let reads = 0;
  const work = async (ring: typeof one, seed: number) => {
    for (let i = seed; running; i = (i + 7) % 400) {
      await putSecret(ring.sql, ring.vault, "shop", `s${i}`, new Secret(`value ${i}`));
      const other = (i * 3) % 400;
      expect((await getSecret(ring.sql, ring.vault, "shop", `s${other}`))?.reveal()).toBe(`value ${other}`);
      await ensureCredential(ring.sql, ring.vault, `shop.store.d${i % 20}`, "owner");
      reads++;
    }
  };
  const working = Promise.all([work(one, 1), work(two, 2), work(two, 5)]);
  for (let rotation = 0; rotation < 3; rotation++) {
    const before = one.current();
    const made = await two.rotateData();
    expect((await one.rotateData()).id).toBe(made.id); // the one that waits is answered
    expect(made.activeInMs).toBeGreaterThan(0);
    await eventually("the new key seals everywhere", () => one.current() === made.id && two.current() === made.id);
    await eventually(
      "nothing is sealed under the old one",
      async () => !(await keysInUse(one.sql, ledgerColumns)).has(before),
    );
  }
  running = false;
  await working;
  expect(reads).toBeGreaterThan(50);
  expect(faults).toEqual([]);
  expect(one.current()).not.toBe(first);
  expect((await getSecret(two.sql, two.vault, "shop", "s399"))?.reveal()).toBe("value 399");
});

test("a replica that missed every notice learns an unknown key when it meets it", async () => {
  const master = newMaster();
  const [one, late] = [await replica(master, { leadSeconds: 0 }), await replica(master, { pollMs: 3_600_000 })];
  await db.sql.query("alter table data_keys disable trigger tell");
  await one.rotateData();
  await one.reload();
  await putSecret(one.sql, one.vault, "shop", "a", new Secret("word"));
  await expect(getSecret(late.sql, late.vault, "shop", "a")).rejects.toMatchObject({ code: "NEB903", retry: true });
  const value = await eventually("it has learned", () => getSecret(late.sql, late.vault, "shop", "a"));
  expect(value.reveal()).toBe("word");
});

test("the key that wraps is replaced while everybody runs; the old one then opens nothing, and derived secrets stay", async () => {
  const [old, next] = [newMaster(), newMaster()];
  const running = await replica(old);
  await putSecret(running.sql, running.vault, "shop", "a", new Secret("word"));
  const derived = running.vault.derive("pulumi:shop").reveal();

  const both = await replica(next, { previous: [makeLocalKey(() => old)] });
  expect(await both.rotateKek()).toBe(2);
  expect(await both.rotateKek()).toBe(2); // again: harmless
  await running.reload();
  expect((await getSecret(running.sql, running.vault, "shop", "a"))?.reveal()).toBe("word");

  const after = await replica(next);
  expect((await getSecret(after.sql, after.vault, "shop", "a"))?.reveal()).toBe("word");
  expect(after.vault.derive("pulumi:shop").reveal()).toBe(derived);
  await expect(replica(old)).rejects.toMatchObject({ code: "NEB905" });
});

test("a key under which nothing is left is retired, with the forge's hooks sealed anew as well", async () => {
  const master = newMaster();
  const ring = await replica(master, { leadSeconds: 0 });
  const forgeDb = await testDatabase({ empty: true });
  open.push(forgeDb);
  const forge = await makeForge({ dataDir: folder, sql: forgeDb.sql, vault: ring.vault });
  await forge.bootstrap.ensureOrganisation({ login: "nebula" });
  await forge.bootstrap.ensureRepository({ owner: "nebula", name: "tenants" });
  const hook = { owner: "nebula", repository: "tenants", url: "http://127.0.0.1:9/", events: ["push"] };
  await forge.bootstrap.ensureHook({ ...hook, secret: new Secret("hook word") });
  await forge.close();
  const first = ring.current();
  await ring.rotateData();
  await ring.reload();
  await db.sql.query("update data_keys set active_from = active_from - interval '1 hour'");
  const maintenance = maintainKeys({ keyring: ring, ledger: ring.sql, forge: forgeDb.sql, observe: () => undefined });
  open.push(maintenance);
  expect(await maintenance.look()).toBe(1);
  expect(await keysInUse(forgeDb.sql, forgeColumns)).toEqual(new Set([ring.current()]));
  const retired = (await ring.list()).filter(({ retiredAt }) => retiredAt !== null).map(({ id }) => id);
  expect(retired).toEqual([first]);
});

test("every sealed column of both databases is in the list", async () => {
  const forgeDb = await testDatabase({ empty: true });
  open.push(forgeDb);
  const forge = await makeForge({
    ...{ dataDir: folder, sql: forgeDb.sql },
    vault: makeVault(newMaster()),
  });
  await forge.close();
  const sealed = async ({ sql }: TestDatabase) =>
    (
      await sql.query<{ name: string }>(
        `select table_name || '.' || column_name as name from information_schema.columns
         where table_schema = 'public' and column_name like '%\\_sealed'`,
      )
    ).map(({ name }) => name);
  const listed = (columns: typeof ledgerColumns) =>
    columns.filter(({ put }) => put === undefined).map(({ table, column }) => `${table}.${column}`);
  expect(listed(ledgerColumns).sort()).toEqual((await sealed(db)).sort());
  expect(listed(forgeColumns).sort()).toEqual((await sealed(forgeDb)).sort());
});
