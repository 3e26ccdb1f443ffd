import { execFileSync, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Observation } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  cancelOperation,
  claimOperation,
  enqueueOperation,
  getInstance,
  getOperation,
  listLeases,
  readCheckpoint,
  showFence,
  writeCheckpoint,
} from "../../platform/store/index.ts";
import { type Deployer, deployTypes } from "../../reconciler/deploy/index.ts";
import { eventually } from "../harness/eventually.ts";
import { database, makeStand, project, type Stand } from "./stand.ts";

vi.setConfig({ testTimeout: 270_000, hookTimeout: 270_000 });

let stand: Stand;
let deployer: Deployer | undefined;
beforeAll(async () => {
  stand = await makeStand();
});
afterEach(async () => {
  await deployer?.close();
  deployer = undefined;
});
afterAll(() => stand.close());

const quick = { leaseSeconds: 1.5, heartbeatMs: 300, graceMs: 1000, pollMs: 100 };
const start = async (options: Partial<typeof quick> = {}) => {
  deployer = await stand.deployer({ ...quick, ...options });
  await deployer.start();
};
const stackOf = (name: string) => `${stand.tenant}.${name}`;
const spec = (name: string, ...databases: ReturnType<typeof database>[]) => project(stand.tenant, name, databases);

/** Process ids of the workers of this data folder: those that work, and one that waits in reserve. */
function workers(): number[] {
  const folder = `${stand.dataDir}/run/deploy`;
  return readdirSync(folder).map(Number);
}
/** The one that has started Pulumi: for the deployment that is queued or runs. */
const atWork = (): Promise<number> =>
  eventually("a worker has started the command", () => workers().find((pid) => commandOf(pid) !== undefined), {
    everyMs: 5,
  });
const groupOf = (pid: number): number[] =>
  execFileSync("ps", ["-eo", "pid=,pgid=,stat="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, group, state]) => Number(group) === pid && !state?.startsWith("Z"))
    .map(([id]) => Number(id));
const commandOf = (pid: number) =>
  execFileSync("ps", ["-eo", "pid=,pgid=,comm="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, group, name]) => Number(group) === pid && name === "pulumi")?.[0];
const seen = <K extends Observation["kind"]>(kind: K) =>
  stand.observations.filter((one): one is Extract<Observation, { kind: K }> => one.kind === kind);
const phaseReached = (id: string, phase: string) =>
  eventually(
    `${id} reaches ${phase}`,
    async () => {
      const rows = await stand.sql.query("select 1 from operation_events where operation = $1 and phase = $2", [
        id,
        phase,
      ]);
      return rows.length > 0;
    },
    { everyMs: 2, timeoutMs: 20_000 },
  );

async function settled(name: string): Promise<void> {
  const text = (await readCheckpoint(stand.sql, stackOf(name))) ?? "{}";
  expect(JSON.parse(text).checkpoint.latest.pending_operations ?? []).toEqual([]);
  const locks = await stand.sql.query(`select key from state_${stand.tenant}.pulumi_state where key like '%/locks/%'`);
  expect(locks).toEqual([]);
}

/** The victim and the moment: inside the command, and around what the provider does. */
const victims = [
  ["the worker, provider and all, in the middle of an effect", "provider", "worker"],
  ["the pulumi command in the middle of an effect", "provider", "command"],
  ["the worker while the command starts", "deploy", "worker"],
  ["the worker after the effect, before the state says so", "ready", "worker"],
] as const;

for (const [title, phase, victim] of victims)
  test(`kill -9 ${title}: the operation is taken up again and the next one changes nothing`, async () => {
    await start();
    const name = `kill-${phase}-${victim}`;
    const wanted = spec(name, database("one"), database("two"));
    const { id } = await stand.want(wanted);
    const worker = await atWork();
    await phaseReached(id, phase);
    process.kill(Number(victim === "worker" ? worker : commandOf(worker)), "SIGKILL");
    expect(await stand.ended(id)).toMatchObject({ state: "COMPLETED", attempt: 2 });
    expect(await stand.ended((await stand.want(wanted)).id)).toMatchObject({ outcome: "unchanged" });
    for (const one of ["one", "two"])
      expect(await stand.driver.observe(`${stackOf(name)}.${one}` as DatabaseId)).toMatchObject({ phase: "Ready" });
    await settled(name);
    if (victim === "worker") expect(groupOf(worker)).toEqual([]);
  });

test("a creation that was killed and is declared no more leaves no instance behind", async () => {
  const { id } = await stand.want(spec("undone", database("one")));
  await start();
  await phaseReached(id, "provider");
  for (const worker of workers()) process.kill(worker, "SIGKILL");
  await stand.want(spec("undone"));
  const last = await eventually(
    "the newer deployment ends",
    async () => {
      const rows = await stand.sql.query<{ id: string }>(
        "select id from operations where stack = $1 and state in ('COMPLETED', 'FAILED') order by id desc limit 1",
        [stackOf("undone")],
      );
      return rows[0]?.id;
    },
    { timeoutMs: 20_000 },
  );
  expect(await getOperation(stand.sql, last)).toMatchObject({ state: "COMPLETED" });
  expect(await stand.driver.observe(`${stackOf("undone")}.one` as DatabaseId)).toBeUndefined();
  expect((await getInstance(stand.sql, `${stackOf("undone")}.one` as DatabaseId))?.phase ?? "Removed").toBe("Removed");
});

test("a lost fence kills the worker at once, and the old fence writes nothing any more", async () => {
  await start();
  const { id } = await stand.want(spec("fence", database("one")));
  const worker = await atWork();
  await phaseReached(id, "deploy");
  await stand.sql.query("update stacks set fence = fence + 1, holder = 'thief/1/1' where stack = $1", [
    stackOf("fence"),
  ]);
  await eventually("the worker is gone", () => groupOf(worker).length === 0);
  expect(seen("lease.lost").some(({ stack }) => stack === stackOf("fence"))).toBe(true);
  const [lease] = (await listLeases(stand.sql)).filter(({ stack }) => stack === stackOf("fence"));
  if (lease === undefined) throw new Error("no lease");
  const old = writeCheckpoint(stand.sql, stackOf("fence"), lease.fence - 1, "{}");
  await expect(old).rejects.toThrow(/NEB300 lease lost/);
  await writeCheckpoint(stand.sql, stackOf("fence"), lease.fence, '{"control":"the newest fence writes"}');
  expect(await readCheckpoint(stand.sql, stackOf("fence"))).toContain("control");
  await deployer?.close();
  const end = (sql: Sql) => sql.query("update operations set state = 'CANCELLED' where id = $1", [id]);
  await expect(end(stand.sql)).rejects.toThrow(/NEB300 lease lost/);
  await stand.sql.tx(async (tx) => {
    await showFence(tx, lease.fence);
    await end(tx);
  });
  await stand.sql.query("update stacks set operation = null where stack = $1", [stackOf("fence")]);
});

test("what a reconciler that died left is taken over without waiting for its lease", async () => {
  const name = "over";
  const { id } = await stand.want(spec(name, database("one")));
  const dead = execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }).trim();
  const host = execFileSync("hostname", { encoding: "utf8" }).trim();
  const claim = await claimOperation(stand.sql, { holder: `${host}/${dead}/1`, types: deployTypes, leaseSeconds: 600 });
  expect(claim?.operation.id).toBe(id);
  await start();
  expect(await stand.ended(id)).toMatchObject({ state: "COMPLETED", attempt: 2, fence: (claim?.fence ?? 0) + 1 });
});

test("kill -9 of a reconciler in the middle of a deployment: no process is left, and the next one finishes it", async () => {
  const { db, masterKey, dataDir, pgBin, pulumiBin } = stand;
  const options = { dataDir, pgBin, pulumiBin, concurrency: 1, leaseSeconds: 60, pollMs: 100 };
  const secrets = { ledgerUrl: db.url.reveal(), masterKey: masterKey.reveal() };
  const script = join(import.meta.dirname, "reconciler-process.ts");
  const process = spawn("node", [script, JSON.stringify({ ...options, ...secrets })], { stdio: "inherit" });
  const { id } = await stand.want(spec("all", database("one")));
  const worker = await atWork();
  await phaseReached(id, "provider");
  process.kill("SIGKILL");
  await eventually("worker and command are gone", () => groupOf(worker).length === 0);
  await start();
  expect(await stand.ended(id)).toMatchObject({ state: "COMPLETED", attempt: 2 });
  expect(await stand.driver.observe(`${stackOf("all")}.one` as DatabaseId)).toMatchObject({ phase: "Ready" });
  await settled("all");
});

test("cancelling a running deployment stops it, and nothing is stuck", async () => {
  await start();
  const { id } = await stand.want(spec("cancel", database("one")));
  await phaseReached(id, "deploy");
  await cancelOperation(stand.sql, id, "t");
  const ended = await stand.ended(id);
  expect(["CANCELLED", "COMPLETED"]).toContain(ended.state);
  expect(await stand.ended((await stand.want(spec("cancel", database("one")))).id)).toMatchObject({
    state: "COMPLETED",
  });
  await settled("cancel");
});

test("a deployment that takes longer than its deadline is killed and tried again", async () => {
  // Without grace: one that could still finish in time would be done, not late.
  await start({ graceMs: 0 });
  const { id } = await stand.want(spec("late", database("one")), { deadlineSeconds: 0, maxAttempts: 1 });
  expect(await stand.ended(id)).toMatchObject({ state: "FAILED", outcome: "stalled", error: { code: "NEB302" } });
  expect(await stand.ended((await stand.want(spec("late", database("one")))).id)).toMatchObject({ state: "COMPLETED" });
  await settled("late");
});

test("a burst of commits deploys the newest and never goes back", async () => {
  for (let i = 1; i <= 5; i++) await stand.want(spec("burst", database("one", { tags: { n: String(i) } })));
  await start();
  await eventually(
    "the queue is empty",
    async () => {
      const rows = await stand.sql.query("select 1 from operations where state in ('QUEUED', 'IN_PROGRESS')");
      return rows.length === 0;
    },
    { timeoutMs: 20_000 },
  );
  const instance = await getInstance(stand.sql, `${stackOf("burst")}.one` as DatabaseId);
  expect(instance?.spec.tags).toEqual({ n: "5" });
});

test("a fault that trying again cannot mend fails at once and says why", async () => {
  await start();
  const { id } = await stand.want(spec("refused", database("one", { password: { kind: "secret", name: "missing" } })));
  const ended = await stand.ended(id);
  expect(ended).toMatchObject({ state: "FAILED", outcome: "stalled", attempt: 1, error: { code: "NEB323" } });
});

test("an unknown project is refused and nothing is touched", async () => {
  await start();
  const { id } = await enqueueOperation(stand.sql, { stack: stackOf("nobody"), type: "DEPLOY", requestedBy: "t" });
  expect(await stand.ended(id)).toMatchObject({ state: "FAILED", outcome: "blocked", error: { code: "NEB304" } });
});
