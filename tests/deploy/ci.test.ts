import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import {
  claimOperation,
  enqueueOperation,
  ensureCiRole,
  ensureState,
  finishOperation,
  getInstance,
  listOperations,
  statePassphrase,
} from "../../platform/store/index.ts";
import { deployTypes } from "../../reconciler/deploy/index.ts";
import { database, makeStand, project, type Stand } from "./stand.ts";

vi.setConfig({ testTimeout: 270_000, hookTimeout: 270_000 });

let stand: Stand;
let checkout: string;
let env: NodeJS.ProcessEnv;
let ciUrl: string;
beforeAll(async () => {
  stand = await makeStand();
  const { user, password } = await ensureCiRole(stand.sql, stand.tenant);
  ciUrl = addressOf(user, password);
  checkout = makeCheckout(stand.tenant);
  const path = [join(checkout, "bin"), dirname(process.execPath), dirname(stand.pulumiBin), process.env.PATH];
  env = {
    PATH: path.join(delimiter),
    HOME: checkout,
    PULUMI_HOME: join(checkout, ".pulumi"),
    PULUMI_BACKEND_URL: ciUrl,
    PULUMI_CONFIG_PASSPHRASE: statePassphrase(stand.vault, stand.tenant).reveal(),
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_SKIP_UPDATE_CHECK: "1",
  };
});
afterAll(async () => {
  await stand.close();
  rmSync(checkout, { recursive: true, force: true });
});

const stack = () => `${stand.tenant}.shop`;
const spec = () => project(stand.tenant, "shop", [database("orders", { compute: { min: 0.5, max: 0.5 } })]);

function addressOf(user: string, password: Secret): string {
  const url = new URL(stand.db.url.reveal());
  url.username = user;
  url.password = password.reveal();
  url.search = "?sslmode=disable";
  return url.href;
}

function makeCheckout(tenant: string): string {
  const root = join(import.meta.dirname, "../..");
  const folder = mkdtempSync(join(tmpdir(), "nebula-checkout-"));
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  put("Pulumi.yaml", "name: nebuladb\nruntime:\n  name: nodejs\n  options: { typescript: false }\nmain: index.js\n");
  put("package.json", '{ "type": "module" }');
  put("index.js", `export * from ${JSON.stringify(join(root, "platform/program.ts"))};\n`);
  put("bin/pulumi-resource-nebula", `#!/bin/sh\nexec node ${join(root, "platform/provider/plugin.ts")} "$@"\n`);
  chmodSync(join(folder, "bin/pulumi-resource-nebula"), 0o755);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const from = 'from "@nebuladb/platform";';
  put(
    `tenants/${tenant}/shop/project.ts`,
    `import { project } ${from}\nexport default project({ placement: "local" });\n`,
  );
  const orders = 'new Postgres("orders", { version: "18", compute: { min: 0.5, max: 0.5 } })';
  put(`tenants/${tenant}/shop/orders.ts`, `import { Postgres } ${from}\nexport default ${orders};\n`);
  return folder;
}

type Ran = { readonly code: number; readonly text: string };

async function pulumi(...args: string[]): Promise<Ran> {
  try {
    const options = { cwd: checkout, env, timeout: 240_000 };
    const { stdout, stderr } = await promisify(execFile)("pulumi", [...args, "--non-interactive"], options);
    return { code: 0, text: stdout + stderr };
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

const up = (...more: string[]) => pulumi("up", "--yes", "--skip-preview", "--stack", stack(), ...more);
const asCi = <T>(text: string): Promise<readonly T[]> =>
  connectOnce({ reveal: () => ciUrl } as Secret, (sql) => sql.query<T>(text));
const lockKey = () => `.pulumi/locks/organization/nebuladb/${stack()}/test.json`;
const lock = () =>
  `insert into pulumi_state (key, data) values (current_database() || '/${lockKey()}', '{"data":"e30="}')`;
const unlock = () => `delete from pulumi_state where key like '%/${lockKey()}'`;

test("pulumi up from a checkout deploys what the reconciler would: it then finds nothing to change", {
  timeout: 300_000,
}, async () => {
  const deployer = await stand.deployer();
  await deployer.start();
  await stand.ended((await stand.want(project(stand.tenant, "shop", []))).id); // the installation serves the project
  const ran = await up();
  expect(ran.text).toContain("orders");
  expect(ran.code, ran.text).toBe(0);
  const [operation] = await listOperations(stand.sql, { stack: stack() });
  expect(operation).toMatchObject({ type: "DEPLOY", state: "COMPLETED", outcome: "applied" });
  expect(operation?.requestedBy).toMatch(/^ci:/);
  expect(await getInstance(stand.sql, `${stack()}.orders` as DatabaseId)).toMatchObject({ phase: "Ready" });
  expect(await stand.ended((await stand.want(spec())).id)).toMatchObject({ state: "COMPLETED", outcome: "unchanged" });
  const again = await up("--expect-no-changes");
  expect(again.code, again.text).toBe(0);
  await deployer.close();
});

test("while the reconciler holds the stack, pulumi up is refused and told by whom", async () => {
  await enqueueOperation(stand.sql, { stack: stack(), type: "DEPLOY", requestedBy: "t" });
  const claim = await claimOperation(stand.sql, { holder: "elsewhere/1/1", types: deployTypes });
  if (claim === undefined) throw new Error("nothing claimed");
  const ran = await up();
  expect(ran.code).not.toBe(0);
  expect(ran.text).toContain(claim.operation.id);
  await finishOperation(stand.sql, claim, { kind: "cancelled" });
});

test("while a pulumi up holds the stack, the reconciler leaves it alone; its lock's end lets go", async () => {
  await asCi(lock());
  await enqueueOperation(stand.sql, { stack: stack(), type: "DEPLOY", requestedBy: "t" });
  const claim = () => claimOperation(stand.sql, { holder: "elsewhere/1/1", types: deployTypes });
  expect(await claim()).toBeUndefined();
  await asCi(unlock());
  const claimed = await claim();
  expect(claimed?.takenOver).toBe(false);
  if (claimed !== undefined) await finishOperation(stand.sql, claimed, { kind: "cancelled" });
});

test("a pulumi up that died is given up when its lease has run out, and its lock goes with it", async () => {
  await asCi(lock());
  await stand.sql.query("update stacks set lease_until = now() - interval '1 second' where stack = $1", [stack()]);
  expect(await claimOperation(stand.sql, { holder: "elsewhere/1/1", types: deployTypes })).toBeUndefined();
  const [operation] = await listOperations(stand.sql, { stack: stack() });
  expect(operation).toMatchObject({ state: "FAILED", outcome: "stalled", error: { code: "NEB300" } });
  expect(await asCi(`select key from pulumi_state where key like '%/${lockKey()}'`)).toEqual([]);
  await expect(
    asCi(unlock().replace("delete from", "update").replace("where", "set data = data where")),
  ).resolves.toEqual([]);
});

test("without the lock a CI role writes no state, and its two runs are told apart by nebula.run", async () => {
  const write = `insert into pulumi_state (key, data) values
    (current_database() || '/.pulumi/stacks/nebuladb/${stack()}.json', '{"data":"e30="}') on conflict (key) do update set data = excluded.data`;
  await expect(asCi(write)).rejects.toThrow(/not locked by this run/);
  await asCi(`set nebula.run = 'a'; ${lock()}`);
  await expect(asCi(`set nebula.run = 'b'; ${write}`)).rejects.toThrow(/not locked by this run/);
  await expect(asCi(`set nebula.run = 'b'; ${unlock()}`)).rejects.toThrow(/not locked by this run/);
  await asCi(`set nebula.run = 'a'; ${unlock()}`);
});

test("a CI role reaches its own tenant's state and nothing else", async () => {
  const other = `${stand.tenant}x`;
  await ensureState(stand.sql, other);
  const state = `state_${stand.tenant}.pulumi_state`;
  const refused = [
    `select * from state_${other}.pulumi_state`,
    "select * from stacks",
    "select * from credentials",
    "select * from pg_authid",
    "select ensure_ci_role('acme', 'x')",
    "select ci_take_lease('a.b')",
    `insert into ${state} (key, data) values (current_database() || '/.pulumi/stacks/nebuladb/${other}.shop.json', '{}')`,
    `insert into ${state} (key, data) values ('anything', '{}')`,
    `update ${state} set data = '{}' where key like '%meta.yaml'`,
    `truncate ${state}`,
    `drop table ${state}`,
    `alter table ${state} disable trigger all`,
    `alter table ${state} add column x int`,
    `drop trigger guard on ${state}`,
    "create table other (n int)",
    "create temp table other (n int)",
    `create table other as select 1 as n`,
    `create index on ${state} (updated_at)`,
    "create function f() returns int language sql as 'select 1'",
    "create schema mine",
    `grant select on ${state} to public`,
    "set role nebula",
    `set role state_${stand.tenant}`,
    "set session_replication_role = replica",
    "copy (select 1) to program 'true'",
    "select pg_advisory_lock(1)",
    "select lo_create(0)",
    `select ci.request_effect('${other}.shop', 'delete', '{}')`,
    `select ci.request_effect('${stack()}', 'delete', '{}')`,
  ];
  const passed: string[] = [];
  for (const text of refused)
    await asCi(text).then(
      () => passed.push(text),
      () => undefined,
    );
  expect(passed).toEqual([]);
  const elsewhere = new URL(ciUrl);
  elsewhere.pathname = "/postgres";
  const asOther = connectOnce({ reveal: () => elsewhere.href } as Secret, (sql) => sql.query("select 1"));
  await expect(asOther).rejects.toThrow(/permission denied/);
  const { id } = await stand.sql.one<{ id: number }>(
    `insert into effects (stack, fence, verb, input) values ($1, 1, 'read', '{}') returning id`,
    [`${other}.shop`],
  );
  expect(await asCi(`select * from ci.effect(${id})`)).toEqual([]);
});

test("what pulumi up elsewhere asks for is held to the tenant's quota", async () => {
  const deployer = await stand.deployer();
  await deployer.start();
  const file = join(checkout, `tenants/${stand.tenant}/shop/orders.ts`);
  writeFileSync(
    file,
    'import { Postgres } from "@nebuladb/platform";\nexport default new Postgres("orders", { version: "18", compute: { min: 8, max: 64 } });\n',
  );
  const ran = await up();
  expect(ran.code).not.toBe(0);
  expect(ran.text).toContain("NEB308");
  expect(await getInstance(stand.sql, `${stack()}.orders` as DatabaseId)).toMatchObject({
    spec: { compute: { maxUnits: 0.5 } },
  });
  await deployer.close();
});
