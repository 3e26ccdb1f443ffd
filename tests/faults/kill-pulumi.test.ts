import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeStateDriver } from "../../platform/compute/index.ts";
import { getOperation, isEnded, listInstances, type Operation, readCheckpoint } from "../../platform/store/index.ts";
import { orphansAmong } from "../../reconciler/drift/index.ts";
import { database, makeStand, project, type Stand } from "../deploy/stand.ts";
import { eventually } from "../harness/eventually.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { childrenOf, groupOf, kill } from "./processes.ts";

/** Kills of one operation; it has one try more. The ledger's back-off between tries is cut short here. */
const killsAnOperation = 10;

/**
 * A lane is a deployer with one worker. One lane has real databases, the other a compute driver that only keeps state: what is
 * killed, Pulumi's command and the worker with the provider in it, is the same.
 */
async function runLane(n: number, compute: "local" | "state", random: Random, guarded: boolean): Promise<Trials> {
  const stand = await makeStand();
  const violations: string[] = [];
  const killed: number[] = [];
  let trials = 0;
  try {
    if (!guarded) await forgetToRemoveLocks(stand);
    const deployer = await stand.deployer({ ...{ compute, pollMs: 50, heartbeatMs: 500 }, leaseSeconds: 5 });
    await deployer.start();
    const stack = `${stand.tenant}.shop`;
    const spec = (tag: string) => project(stand.tenant, "shop", [database("orders", { tags: { tag } })]);
    for (let round = 1; trials < n; round++) {
      const wanted = spec(`r${round}`);
      const tries = Math.min(killsAnOperation, n - trials);
      const { id } = await stand.want(wanted, { maxAttempts: guarded ? tries + 1 : 3 });
      for (let i = 0; i < tries; i++) {
        const victim = await killOne(stand, id, random);
        if (victim === undefined) break;
        trials++;
        if (victim.isWorker) killed.push(victim.pid);
        await stand.sql.query("update operations set run_after = now() where id = $1 and state = 'QUEUED'", [id]);
      }
      const ended = await waitFor(stand, id);
      if (ended.state !== "COMPLETED")
        violations.push(`round ${round} ended as ${ended.outcome}: ${ended.error?.detail}`);
      violations.push(...(await remains(stand, stack)).map((one) => `round ${round}: ${one}`));
      const again = await waitFor(stand, (await stand.want(wanted, { maxAttempts: 1 })).id);
      if (again.outcome !== "unchanged") violations.push(`round ${round}: the next up is ${again.outcome}`);
      if (!guarded && violations.length > 0) break;
    }
    await eventually("killed groups are gone", () => killed.every((pid) => groupOf(pid).length === 0)).catch(() =>
      violations.push(`processes of killed workers live: ${killed.flatMap(groupOf).join()}`),
    );
    violations.push(...(await orphans(stand, compute)));
  } finally {
    await stand.close();
  }
  return { trials, violations };
}

/** Kills the command, or the worker with the provider in it, at a random moment of the operation's next try. */
async function killOne(stand: Stand, id: string, random: Random) {
  for (;;) {
    const operation = await eventually(
      "it runs, or has ended",
      async () => {
        await stand.sql.query("update operations set run_after = now() where id = $1 and state = 'QUEUED'", [id]);
        const found = await getOperation(stand.sql, id);
        return found !== undefined && (found.state === "IN_PROGRESS" || isEnded(found)) ? found : undefined;
      },
      { timeoutMs: 60_000, everyMs: 5 },
    );
    if (isEnded(operation)) return undefined;
    await sleep(random.int(0, 450));
    const now = await getOperation(stand.sql, id);
    if (now?.state !== "IN_PROGRESS" || now.attempt !== operation.attempt) continue;
    const [worker] = workersOf(stand);
    const command = worker === undefined ? undefined : childrenOf(worker).find(({ name }) => name === "pulumi");
    const isWorker = command === undefined || random.chance(0.3);
    const pid = isWorker ? worker : command.pid;
    if (pid === undefined || !kill(pid)) continue;
    await eventually(
      "the try is over",
      async () => {
        const after = await getOperation(stand.sql, id);
        return after !== undefined && (after.state !== "IN_PROGRESS" || after.attempt > operation.attempt);
      },
      { timeoutMs: 30_000, everyMs: 5 },
    );
    return { pid, isWorker };
  }
}

const workersOf = ({ dataDir }: Stand): number[] => readdirSync(join(dataDir, "run", "deploy")).map(Number);

const waitFor = (stand: Stand, id: string): Promise<Operation> =>
  eventually(
    `${id} ends`,
    async () => {
      await stand.sql.query("update operations set run_after = now() where id = $1 and state = 'QUEUED'", [id]);
      const found = await getOperation(stand.sql, id);
      return found !== undefined && isEnded(found) ? found : undefined;
    },
    { timeoutMs: 60_000 },
  );

/** What a killed run may leave in Pulumi's state. */
async function remains({ sql, tenant }: Stand, stack: string): Promise<string[]> {
  const locks = await sql.query(`select key from state_${tenant}.pulumi_state where key like '%/locks/%'`);
  const text = await readCheckpoint(sql, stack);
  const pending = JSON.parse(text ?? "{}").checkpoint?.latest?.pending_operations ?? [];
  return [
    ...(locks.length > 0 ? [`${locks.length} stale locks`] : []),
    ...(pending.length > 0 ? [`${pending.length} pending operations`] : []),
  ];
}

async function orphans(stand: Stand, compute: "local" | "state"): Promise<string[]> {
  const driver = compute === "state" ? makeStateDriver({ dataDir: stand.dataDir }) : stand.driver;
  const found = orphansAmong(await driver.traces(), await listInstances(stand.sql));
  const scratch = workersOf(stand).filter((pid) => groupOf(pid).length === 0);
  return [
    ...found.map(({ path, reason }) => `${path}: ${reason}`),
    ...scratch.map((pid) => `the folder of worker ${pid} is left`),
  ];
}

/** The control: nobody proves an owner dead and takes its lock away. */
async function forgetToRemoveLocks({ sql }: Stand): Promise<void> {
  await sql.query(`create or replace function remove_dead_locks(wanted text, below bigint)
    returns table (owner text, lock_fence bigint) language plpgsql as 'begin return; end'`);
}

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  if (!guarded) return runLane(n, "state", random, false);
  const lanes = await Promise.all([
    runLane(Math.ceil(n / 2), "state", random, true),
    runLane(Math.floor(n / 2), "local", random, true),
  ]);
  return {
    trials: lanes.reduce((sum, lane) => sum + lane.trials, 0),
    violations: lanes.flatMap((lane) => lane.violations),
  };
}

catalogueRow({
  suite: "faults",
  name: "kill -9 the Pulumi child or provider during `up`",
  promise: "no stale lock, no pending operation, no orphan process, port or folder; the next up changes nothing",
  n: { small: 100, large: 500 },
  run,
  control: { without: "removing the locks of owners proved dead", n: 3 },
  timeoutMs: 240_000,
});
