/**
 * The drill: everything of the control plane is killed and its ledger deleted, while a client writes into a tenant's database and
 * others are told "yes" by the API. First there are backups, then there are none either.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { type Platform, startPlatform } from "../system/platform.ts";
import {
  addressOf,
  type Client,
  clearMachine,
  createDatabase,
  hurried,
  killControlPlane,
  listDatabases,
  ownAddressOf,
  postmasters,
  printFigures,
  startClient,
  untilReady,
  untilRecoverable,
} from "./ground.ts";

const goals = { rpoSeconds: 15 * 60, rtoSeconds: 3_600 };

let platform: Platform;
/** At its server's own socket: it must notice nothing at all. */
let client: Client;
/** Through the gateway, which dies with the rest: nothing that it was told may be lost, and it is served again. */
let through: Client;
beforeAll(async () => {
  process.env.NEBULA_BACKUP_TIMES = hurried;
  platform = await startPlatform();
  await untilReady(platform, 5, 120_000);
  client = await startClient(await ownAddressOf(platform, "acme/shop/orders"));
  through = await startClient(await addressOf(platform, "acme/shop/catalog"));
}, 240_000);
afterAll(async () => {
  for (const one of [client, through]) await one?.stop().catch(() => undefined);
  await platform?.close();
  if (platform) clearMachine(platform.data);
}, 180_000);

type Acknowledged = { readonly at: number; readonly key: string };

/** Somebody makes keys, one after the other; what was answered with 201 was acknowledged. */
function startMaking() {
  const acknowledged: Acknowledged[] = [];
  let stopping = false;
  const make = async () => {
    for (let i = 0; !stopping; i++) {
      const headers = { authorization: `Bearer ${platform.token}`, "content-type": "application/json" };
      const body = JSON.stringify({ name: `key ${i}`, role: "platform-admin" });
      const response = await fetch(`${platform.url}/api/v1/keys`, { method: "POST", headers, body }).catch(
        () => undefined,
      );
      if (response?.status === 201)
        acknowledged.push({ at: Date.now(), key: ((await response.json()) as { key: string }).key });
      await sleep(150);
    }
  };
  const done = make();
  return {
    acknowledged,
    async stop() {
      stopping = true;
      await done;
    },
  };
}

async function works(key: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${key}` };
  return (await fetch(`${platform.url}/api/v1/projects?limit=1`, { headers })).status === 200;
}

async function expectUntouched(before: Readonly<Record<string, number>>): Promise<void> {
  expect(postmasters(platform.data)).toEqual(before);
  expect(client.errors).toEqual([]);
  const answered = through.acknowledged.length;
  await eventually("it is served through the gateway again", () => through.acknowledged.length > answered);
  for (const one of [client, through]) {
    const acknowledged = [...one.acknowledged]; // it goes on writing while we look
    const kept = await one.kept();
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  }
  const drift = await platform.nebula("drift", "-o", "json");
  expect(drift.stdout).not.toMatch(/"path"/);
}

test("a tenant takes everything away: declarations with history, data, records; no credential, nothing of others", async () => {
  const to = join(platform.data, "taken-away");
  const taken = await platform.nebula("tenant", "export", "acme", "--to", to, "-o", "json");
  expect(taken.code, taken.stderr).toBe(0);
  const { databases, files } = JSON.parse(taken.stdout) as { databases: string[]; files: { path: string }[] };
  expect(databases).toEqual(["acme.analytics.events", "acme.shop.catalog", "acme.shop.orders"]);
  const names = files.map(({ path }) => path);
  for (const name of ["tenant", "projects", "operations", "usage-records", "invoices", "audit", "instances"])
    expect(names).toContain(`${name}.jsonl`);

  const clone = join(platform.data, "clone");
  const git = (...args: string[]) => spawnSync("git", args, { encoding: "utf8" });
  expect(git("clone", "--quiet", "-b", "main", join(to, "declarations", "nebula.tenants.bundle"), clone).status).toBe(
    0,
  );
  const listed = git("-C", clone, "ls-files").stdout.trim().split("\n");
  expect(listed.length).toBeGreaterThan(3);
  expect(listed.filter((path) => !path.startsWith("tenants/acme/"))).toEqual([]);
  const dump = join(to, "databases", "acme.shop.orders.dump");
  const inside = spawnSync(join(process.env.NEBULA_PG_BIN ?? "", "pg_restore"), ["--list", dump], { encoding: "utf8" });
  expect(inside.stdout).toContain("book");

  const password = new URL((await addressOf(platform, "acme/shop/orders")).reveal()).password;
  for (const path of names.filter((name) => !name.endsWith(".dump") && !name.endsWith(".bundle"))) {
    const text = readFileSync(join(to, path), "utf8");
    for (const secret of [password, platform.token, "_sealed", "lab.research"])
      expect(text, path).not.toContain(secret);
  }
  const nobody = await platform.nebula("tenant", "export", "nobody", "--to", join(platform.data, "none"));
  expect([nobody.code, existsSync(join(platform.data, "none"))]).toEqual([4, false]);
  expect(nobody.stderr).toMatch(/NEB928 .*there is no tenant nobody\n.*Tenants: acme, lab/);
}, 90_000);

test("a lost ledger comes back from the continuous backup, with what was acknowledged, and nobody's database notices", async () => {
  await createDatabase(platform, "late");
  await untilReady(platform, 6);
  await untilRecoverable(platform, new Date());
  const making = startMaking();
  await sleep(3_000);
  const killedAt = Date.now();
  await killControlPlane(platform.data);
  await making.stop();
  const before = postmasters(platform.data);
  expect(Object.keys(before)).toHaveLength(6);
  await rm(join(platform.data, "ledger"), { recursive: true });

  const lostAt = Date.now();
  const refused = await platform.up();
  expect(refused.stderr).toContain("NEB939");
  const restored = await platform.nebula("restore", "--from", join(platform.data, "backups"), "-o", "json");
  expect(restored.code, restored.stderr).toBe(0);
  const report = JSON.parse(restored.stdout) as {
    differences: { onlyOnDisk: string[]; onlyInLedger: string[] };
    fencedOff: { fenceFloor: number; redeployed: number };
  };
  expect(report.differences).toEqual({ onlyOnDisk: [], onlyInLedger: [] });
  expect(report.fencedOff.fenceFloor).toBeGreaterThan(killedAt);
  const up = await platform.up();
  expect(up.code, up.stderr).toBe(0);
  await untilReady(platform, 6);
  const rtoSeconds = (Date.now() - lostAt) / 1000;

  expect(await works(platform.token)).toBe(true);
  const lost: Acknowledged[] = [];
  for (const one of making.acknowledged) if (!(await works(one.key))) lost.push(one);
  const rpoSeconds = lost[0] === undefined ? 0 : (killedAt - lost[0].at) / 1000;
  await expectUntouched(before);
  const audited = await platform.nebula("audit", "list", "--action", "platform.restore", "-o", "json");
  expect(audited.stdout).toContain('"platform.restore"');
  expect((await platform.nebula("audit", "verify")).code).toBe(0);
  printFigures("ledger lost, continuous backup there", {
    ...{ acknowledged: making.acknowledged.length, lost: lost.length, rpoSeconds, rtoSeconds: Math.round(rtoSeconds) },
    ...{ rowsAcknowledged: client.acknowledged.length, clientErrors: client.errors.length },
    ...{ gatewayAwaySeconds: Math.round(through.longestSilenceMs() / 1000) },
  });
  expect(making.acknowledged.length).toBeGreaterThan(5);
  expect(rpoSeconds).toBeLessThanOrEqual(goals.rpoSeconds);
  expect(rtoSeconds).toBeLessThanOrEqual(goals.rtoSeconds);
}, 240_000);

test("with ledger and backups gone, the platform's view is rebuilt from Git, the kept keys and what runs", async () => {
  const names = (await listDatabases(platform)).map(({ name }) => name).sort();
  const floor = (text: string) => (JSON.parse(text) as { fenceFloor: number }).fenceFloor;
  await killControlPlane(platform.data);
  const before = postmasters(platform.data);
  for (const name of ["ledger", "backups"]) await rm(join(platform.data, name), { recursive: true });

  const lostAt = Date.now();
  const rebuilt = await platform.nebula("rebuild", "-o", "json");
  expect(rebuilt.code, rebuilt.stderr).toBe(0);
  expect(JSON.parse(rebuilt.stdout)).toMatchObject({ declared: 6, undeclared: [] });
  expect(floor(rebuilt.stdout)).toBeGreaterThan(lostAt - 1_000);
  const up = await platform.up();
  expect(up.code, up.stderr).toBe(0);
  const token = readFileSync(join(platform.data, "secrets", "admin-token"), "utf8").trim();
  expect(token).not.toBe(platform.token);
  await untilReady(platform, 6);
  const rtoSeconds = (Date.now() - lostAt) / 1000;

  expect((await listDatabases(platform)).map(({ name }) => name).sort()).toEqual(names);
  await expectUntouched(before);
  const again = await startClient(await addressOf(platform, "acme/shop/orders"));
  expect((await again.kept()).size).toBeGreaterThan(0);
  await again.stop();
  printFigures("ledger and backups lost, rebuilt from Git", {
    ...{ databases: 6, restarted: 0, rtoSeconds: Math.round(rtoSeconds) },
    ...{ rowsAcknowledged: client.acknowledged.length, clientErrors: client.errors.length },
    ...{ gatewayAwaySeconds: Math.round(through.longestSilenceMs() / 1000) },
  });
  expect(rtoSeconds).toBeLessThanOrEqual(goals.rtoSeconds);
}, 240_000);
