/** Drift and its healing over real databases, through the queue and the fence. */

import { appendFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import {
  enqueueHeal,
  getInstance,
  getProject,
  listDriftFindings,
  listOrphans,
  recordApplied,
} from "../../platform/store/index.ts";
import { type DriftPass, makeDriftPass } from "../../reconciler/drift/index.ts";
import { recordOutcome } from "../../reconciler/reconcile.ts";
import { asAdministrator } from "../harness/administrator.ts";
import { database, makeStand, project, type Stand } from "./stand.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 270_000 });

let stand: Stand;
let pass: DriftPass;
beforeAll(async () => {
  stand = await makeStand();
  const { sql, driver, vault } = stand;
  // No status pass runs here that would start a stopped server.
  pass = makeDriftPass({ sql, driver, vault, observe: () => undefined, startsWithinMs: 0 });
  const deployer = await stand.deployer({ pollMs: 100, onEnded: recordOutcome });
  await deployer.start();
});
afterAll(() => stand.close());

const stackOf = (name: string) => `${stand.tenant}.${name}` as const;
const idOf = (name: string, one = "orders") => `${stackOf(name)}.${one}` as DatabaseId;
const deploy = async (name: string, options: object = {}) => {
  const spec = project(stand.tenant, name, [database("orders", options)]);
  const ended = await stand.ended((await stand.want(spec)).id);
  expect(ended).toMatchObject({ state: "COMPLETED" });
  return spec;
};
const look = () => pass.run({ everything: true });
const open = async (name: string) => {
  const found = await listDriftFindings(stand.sql, { stack: stackOf(name) });
  return Object.fromEntries(found.map(({ path, declared, observed }) => [path, [declared, observed]]));
};
const heal = async (name: string) => {
  const asked = { stack: stackOf(name), database: null, requestedBy: "t", quietSeconds: null };
  const operation = await enqueueHeal(stand.sql, asked);
  return operation === undefined ? undefined : stand.ended(operation.id);
};
const roles = [
  { name: "reporting", login: true, access: "read" },
  { name: "app", login: true, access: "write" },
];

test("what was just deployed is in sync, with every option that a machine shows", async () => {
  await deploy("fresh", {
    ...{ roles, extensions: ["hstore", "pg_stat_statements"], allowFrom: ["10.0.0.0/8"], tags: { team: "shop" } },
    compute: { min: 0.25, max: 1 },
  });
  const { inspected } = await look();
  expect(inspected).toBeGreaterThan(0);
  expect(await open("fresh")).toEqual({});
});

test("what somebody changed behind our back is shown with both sides, healed by an operation, and gone", async () => {
  await deploy("hands", { roles, extensions: ["hstore"], compute: { min: 0.25, max: 1 } });
  const observed = await stand.driver.observe(idOf("hands"));
  await asAdministrator(stand, idOf("hands"), async (sql) => {
    await sql.query("alter role reporting superuser connection limit 3");
    await sql.query("grant nebula_write to reporting");
    await sql.query("grant pg_read_server_files to app");
    await sql.query("alter role app password 'somebody knows this'");
    await sql.query("drop extension hstore");
    await sql.query("alter database orders owner to nebula_admin");
    await sql.query("create role made_by_hand login");
    await sql.query("create table public.of_the_tenant (id int)");
  });
  appendFileSync(join(observed?.dataDir ?? "", "postgresql.conf"), "work_mem = '64MB'\n");
  process.kill(observed?.pid ?? 0, "SIGHUP");
  await look();
  expect(await open("hands")).toMatchObject({
    "roles.reporting.attributes": [[], ["connection limit 3", "superuser"]],
    "roles.reporting.access": ["read", "read and write"],
    "roles.app.memberOf": [[], ["pg_read_server_files"]],
    "roles.app.password": ["as given out", "another one"],
    "extensions.hstore": ["installed", null],
    "settings.work_mem": ["8MB", "64MB"],
    owner: ["orders_owner", "nebula_admin"],
  });
  expect(await getProject(stand.sql, stackOf("hands"))).toMatchObject({ status: "Ready" });
  expect(await heal("hands")).toMatchObject({ state: "COMPLETED", type: "DEPLOY", params: { heal: true } });
  await look();
  expect(await open("hands")).toEqual({});
  await asAdministrator(stand, idOf("hands"), async (sql) => {
    const kept = await sql.query("select 1 from pg_roles where rolname = 'made_by_hand'");
    expect([kept.length, await sql.query("select * from public.of_the_tenant")]).toEqual([1, []]);
  });
  expect(await heal("hands")).toBeUndefined();
});

test("a text that was deployed without being merged shows, and its project does not stay Reconciling", async () => {
  const merged = await deploy("unmerged");
  const { sql } = stand;
  const before = await getProject(sql, stackOf("unmerged"));
  await deploy("unmerged", { compute: { min: 0.25, max: 1 }, backups: { retention: "30d" } });
  // As a `pulumi up` leaves it: the machine and its row moved, the project's text did not.
  await sql.query("update projects set wanted_spec = $2::jsonb, wanted_hash = $3 where stack = $1", [
    ...[stackOf("unmerged"), JSON.stringify(merged), before?.wantedHash],
  ]);
  const applied = { commit: before?.appliedCommit ?? "", spec: merged, hash: before?.wantedHash ?? "" };
  await recordApplied(sql, stackOf("unmerged"), applied);
  await look();
  expect(await open("unmerged")).toMatchObject({
    "compute.maxUnits": [0.5, 1],
    "backups.retentionSeconds": [7 * 86_400, 30 * 86_400],
  });
  expect(await getProject(sql, stackOf("unmerged"))).toMatchObject({ status: "Ready" });
  expect(await heal("unmerged")).toMatchObject({ state: "COMPLETED" });
  await look();
  expect(await open("unmerged")).toEqual({});
  expect((await getInstance(sql, idOf("unmerged")))?.spec.compute.maxUnits).toBe(0.5);
});

test("data that is missing is never made anew, neither by healing nor by a deployment", async () => {
  await deploy("lost");
  const observed = await stand.driver.observe(idOf("lost"));
  await stand.driver.stop(idOf("lost"));
  await rename(observed?.dataDir ?? "", `${stand.dataDir}/aside`);
  await look();
  expect(await open("lost")).toEqual({ data: ["present", "missing"] });
  expect(await heal("lost")).toBeUndefined();
  const changed = project(stand.tenant, "lost", [database("orders", { compute: { min: 0.25, max: 1 } })]);
  expect(await stand.ended((await stand.want(changed)).id)).toMatchObject({
    state: "FAILED",
    error: { code: "NEB401" },
  });
  await rename(`${stand.dataDir}/aside`, observed?.dataDir ?? "");
  expect(await stand.ended((await stand.want(changed)).id)).toMatchObject({ state: "COMPLETED" });
  await look();
  expect(await open("lost")).toEqual({});
});

test("by policy the pass itself queues the healing, and not again while it is fresh", async () => {
  await deploy("policy");
  await stand.sql.query(`update fleets set fleet = jsonb_set(fleet, '{policies,drift}', '"heal"')`);
  await stand.driver.stop(idOf("policy"));
  const { healing } = await look();
  expect(healing.map(({ stack, requestedBy }) => [stack, requestedBy])).toEqual([[stackOf("policy"), "drift"]]);
  expect(await stand.ended(healing[0]?.id ?? "")).toMatchObject({ state: "COMPLETED" });
  expect(await look()).toMatchObject({ healing: [] });
  expect(await open("policy")).toEqual({});
  await stand.driver.stop(idOf("policy"));
  expect((await look()).healing).toHaveLength(1);
});

test("a server that the status pass has yet to start is no drift; one that it cannot start is, and so is one that nobody starts", async () => {
  await deploy("asleep");
  const { sql, driver, vault } = stand;
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const usual = makeDriftPass({ sql, driver, vault, clock, observe: () => undefined });
  const lookAfter = async (ms: number) => {
    nowMs += ms;
    await usual.run({ everything: true });
    return open("asleep");
  };
  const id = idOf("asleep");
  await driver.stop(id);
  expect(await lookAfter(0)).toEqual({});
  expect(await lookAfter(20_000)).toEqual({});
  expect(await lookAfter(600_000)).toEqual({ running: [true, false] });
  await driver.start(id);
  expect(await lookAfter(20_000)).toEqual({});
  await driver.stop(id);
  expect(await lookAfter(20_000)).toEqual({});
  await sql.query("update instances set phase = 'Failed' where id = $1", [id]);
  expect(await lookAfter(20_000)).toEqual({ running: [true, false] });
  await sql.query("update instances set phase = 'Ready' where id = $1", [id]);
  await driver.start(id);
  await driver.freeze(id);
  expect(await lookAfter(1_200_000)).toEqual({});
  await driver.sleep(id);
  expect(await driver.observe(id)).toMatchObject({ phase: "Asleep" });
  expect(await lookAfter(1_200_000)).toEqual({});
  expect(await lookAfter(1_200_000)).toEqual({});
  await driver.wake(id);
  await usual.close();
});

test("an instance of no row is reported as an orphan and left alone", async () => {
  await deploy("row");
  await stand.sql.query("delete from instances where id = $1", [idOf("row")]);
  await stand.sql.query("delete from projects where stack = $1", [stackOf("row")]);
  const fresh = makeDriftPass({ sql: stand.sql, driver: stand.driver, vault: stand.vault, observe: () => undefined });
  await fresh.run();
  const orphans = await listOrphans(stand.sql);
  expect(orphans).toMatchObject([{ kind: "instance", instance: idOf("row"), ours: true }]);
  expect(await stand.driver.observe(idOf("row"))).toMatchObject({ phase: "Ready" });
  await fresh.close();
});
