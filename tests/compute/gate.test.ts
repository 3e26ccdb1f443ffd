/** The gate: what lets somebody in while the instance sleeps and the ledger is down. And the journal beside it. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  gatesIn,
  type InstanceWanted,
  isRetired,
  limitsFor,
  makeLocalDriver,
  makeLocalRunner,
  openClientKey,
  previousOf,
  readGate,
} from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { clientKeyOf, connectionUrl, connectOnce, verifies } from "../../platform/sql/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { type Ground, makeGround, pgBin, vault, whereIs, wish } from "./ground.ts";

let ground: Ground;
let nowMs = Date.now();
beforeAll(async () => {
  ground = await makeGround({ spares: 0, now: () => nowMs, overlapSeconds: 600 });
});
afterAll(() => ground?.clear());

const gateOf = async ({ id }: InstanceWanted) => {
  const gate = await readGate(ground.dataDir, id);
  if (gate === undefined) throw new Error(`${id} has no gate`);
  return gate;
};

/** What the server itself stores. */
async function storedIn(wanted: InstanceWanted): Promise<Readonly<Record<string, string>>> {
  const { host, port } = await whereIs(ground.driver, wanted);
  const password = vault.derive(`compute:admin:${wanted.id}`);
  const admin = connectionUrl({ host, port, user: "nebula_admin", password, database: "postgres" });
  const rows = await connectOnce(admin, (sql) =>
    sql.query<{ name: string; verifier: string }>(
      "select rolname as name, rolpassword as verifier from pg_authid where rolcanlogin and rolname not like 'nebula\\_%'",
    ),
  );
  return Object.fromEntries(rows.map(({ name, verifier }) => [name, verifier]));
}

const reader = { name: "reader", login: true, access: "read" as const, password: new Secret("r") };
const group = { name: "group_only", login: false, access: "read" as const, password: null };

test("it says what the server stores, of those who log in; nobody else reads it, and no password is in it", async () => {
  const wanted = await wish({ roles: [reader, group], allowFrom: ["10.0.0.0/8"], suspendAfterSeconds: 7 });
  const { dataDir } = await ground.driver.ensure(wanted);
  const gate = await gateOf(wanted);
  expect(gate).toMatchObject({
    ...{ format: 1, id: wanted.id, databaseName: "orders", ownerRole: "orders", allowFrom: ["10.0.0.0/8"] },
    ...{ suspendAfterSeconds: 7, units: 0.25, limits: limitsFor(0.25) },
  });
  const stored = await storedIn(wanted);
  expect(Object.fromEntries(Object.entries(gate.roles).map(([name, { verifier }]) => [name, verifier]))).toEqual(
    stored,
  );
  expect(await verifies(gate.roles.orders?.verifier ?? null, wanted.ownerPassword)).toBe(true);
  for (const name of ["gate.json", "admin.key", "nebula_sql_read.key", "nebula_sql_write.key"]) {
    const { mode, uid } = statSync(join(dataDir, name));
    expect([mode & 0o777, uid]).toEqual([0o600, process.getuid?.()]);
  }
  expect(readFileSync(join(dataDir, "gate.json"), "utf8")).not.toContain(wanted.ownerPassword.reveal());
  expect(await gatesIn(ground.dataDir)).toContain(wanted.id);
  await ground.driver.sleep(wanted.id);
  expect(await gateOf(wanted)).toEqual(gate);
});

test("it follows the declaration: roles come and go, and what nobody changed is not written", async () => {
  const wanted = await wish({ roles: [reader] });
  const { dataDir } = await ground.driver.ensure(wanted);
  const stamp = () => statSync(join(dataDir, "gate.json")).mtimeMs;
  const before = stamp();
  await ground.driver.ensure(wanted);
  expect(stamp()).toBe(before);
  await ground.driver.ensure({ ...wanted, roles: [], suspendAfterSeconds: 0 });
  expect(await gateOf(wanted)).toMatchObject({ suspendAfterSeconds: 0 });
  expect(Object.keys((await gateOf(wanted)).roles)).toEqual(["orders"]);
  await ground.driver.remove(wanted.id);
  expect(await readGate(ground.dataDir, wanted.id)).toBeUndefined();
});

test("a password that was rotated away opens the gate for the overlap, and gives the key of the new one", async () => {
  const wanted = await wish();
  await ground.driver.ensure(wanted);
  const next = { ...wanted, ownerPassword: new Secret("the next one") };
  await ground.driver.ensure({ ...next, outgoing: new Map([["orders", wanted.ownerPassword]]) });
  const role = (await gateOf(wanted)).roles.orders;
  const previous = role === undefined ? undefined : previousOf(role, nowMs);
  if (role === undefined || previous === undefined) throw new Error("there is no overlap");
  expect(await verifies(previous.verifier, wanted.ownerPassword)).toBe(true);
  const owner = { id: wanted.id, role: "orders" };
  const key = async (verifier: string, password: Secret) => (await clientKeyOf(verifier, password)) ?? Buffer.alloc(0);
  const old = await key(previous.verifier, wanted.ownerPassword);
  expect(openClientKey(previous.sealedClientKey, old, owner)).toEqual(await key(role.verifier, next.ownerPassword));
  const stranger = await key(previous.verifier, new Secret("guess"));
  expect(openClientKey(previous.sealedClientKey, stranger, owner)).toBeUndefined();
  expect(openClientKey(previous.sealedClientKey, old, { ...owner, role: "reader" })).toBeUndefined();

  nowMs += 601_000;
  expect(previousOf(role, nowMs)).toBeUndefined();
  await ground.driver.ensure(next);
  expect((await gateOf(wanted)).roles.orders?.previous).toBeUndefined();
});

test("without the old password, or with a wrong one, there is no overlap", async () => {
  const wanted = await wish();
  await ground.driver.ensure(wanted);
  for (const outgoing of [new Map<string, Secret>(), new Map([["orders", new Secret("not it")]])]) {
    await ground.driver.ensure({ ...wanted, ownerPassword: new Secret(`${Math.random()}`), outgoing });
    expect((await gateOf(wanted)).roles.orders?.previous).toBeUndefined();
  }
});

test("an instance of a release without gates gets one from its server, once the reconciler looks", async () => {
  const wanted = await wish({ roles: [reader, group] });
  const { dataDir } = await ground.driver.ensure(wanted);
  const gate = await gateOf(wanted);
  for (const name of ["gate.json", "admin.key"]) rmSync(join(dataDir, name));
  const runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
  expect(await codeOf(runner.activity(wanted.id))).toBe("NEB358");
  const settings = { suspendAfterSeconds: wanted.suspendAfterSeconds, limits: wanted.limits };
  await ground.driver.keepGates((id) => (id === wanted.id ? settings : undefined));
  expect(await gateOf(wanted)).toEqual(gate);
  expect(await runner.activity(wanted.id)).toMatchObject({ clients: 0 });
});

test("what lies beside an instance opens that instance and no other, also for another installation's driver", async () => {
  const [one, other] = [await wish(), await wish()];
  await ground.driver.ensure(one);
  const { dataDir } = await ground.driver.ensure(other);
  const key = readFileSync(join(dataDir, "admin.key"), "utf8");
  const { host, port } = await whereIs(ground.driver, one);
  const url = connectionUrl({ host, port, user: "nebula_admin", password: new Secret(key), database: "postgres" });
  expect(await codeOf(connectOnce(url, (sql) => sql.query("select 1")))).toBe("NEB914");
  const again = await makeLocalDriver({ dataDir: ground.dataDir, pgBin: pgBin(), vault, spares: 0 });
  expect(await again.activity(one.id)).toMatchObject({ clients: 0 });
  await again.close();
});

test("the journal has every transition, whoever caused it", async () => {
  const wanted = await wish();
  await ground.driver.ensure(wanted);
  await ground.driver.freeze(wanted.id);
  await ground.driver.wake(wanted.id);
  await ground.driver.sleep(wanted.id);
  await ground.driver.ensure(wanted);
  await ground.driver.freeze(wanted.id);
  await ground.driver.pause(wanted.id);
  await ground.driver.resume(wanted.id);
  await ground.driver.stop(wanted.id);
  const lines = await ground.driver.journal(wanted.id);
  expect(lines.map(({ state }) => state)).toEqual([
    ...["awake", "frozen", "awake", "asleep", "awake", "frozen", "paused", "awake", "stopped"],
  ]);
  const times = lines.map(({ upMs }) => upMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test("a server that is killed half-frozen goes on when it is woken, and is stopped when it is stopped", async () => {
  const wanted = await wish();
  const { pid } = await ground.driver.ensure(wanted);
  process.kill(pid ?? 0, "SIGSTOP"); // as far as a kill of the freezer let it come
  await eventually("it stands still", async () => (await ground.driver.observe(wanted.id))?.phase === "Frozen");
  expect(await ground.driver.wake(wanted.id)).toMatchObject({ kind: "thaw" });
  expect(await ground.driver.activity(wanted.id)).toMatchObject({ clients: 0 });
  await ground.driver.freeze(wanted.id);
  const states = execFileSync("ps", ["-o", "state=", "--ppid", String(pid)])
    .toString()
    .trim()
    .split("\n");
  // Z: one that ended a moment before, which a postmaster that stands still cannot take note of
  expect(states.filter((state) => !/^[TZ]/.test(state.trim()))).toEqual([]);
  expect(states.length).toBeGreaterThan(2);
  process.kill(pid ?? 0, "SIGCONT"); // as far as a kill of the thawing let it come: its children stand still
  await ground.driver.stop(wanted.id, "immediate");
  expect(await ground.driver.observe(wanted.id)).toMatchObject({ running: false });
});

test("it names the buckets that are declared, and says when their database is retired", async () => {
  const bucket = { public: false, maxObjectBytes: 1, storageBytes: 1, cors: [], retire: false };
  const wanted = await wish({ buckets: { assets: bucket } });
  await ground.driver.ensure(wanted);
  expect((await gateOf(wanted)).buckets).toEqual({ assets: bucket });
  const { buckets: _, ...without } = wanted;
  await ground.driver.ensure(without);
  expect("buckets" in (await gateOf(wanted))).toBe(false);
  expect(await isRetired(ground.dataDir, wanted.id)).toBe(false);
  await ground.driver.retire(wanted.id);
  expect(await isRetired(ground.dataDir, wanted.id)).toBe(true);
});
