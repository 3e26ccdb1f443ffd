/** A child that ignores signals and has grandchildren: neither a deadline nor a cancellation waits for it. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeVault, Secret } from "../../platform/core/index.ts";
import { cancelOperation, enqueueOperation, getOperation, isEnded, listEvents } from "../../platform/store/index.ts";
import { type Deployer, makeDeployer } from "../../reconciler/deploy/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
let deployer: Deployer;
let dataDir: string;
beforeAll(async () => {
  db = await testDatabase();
  dataDir = mkdtempSync(join(tmpdir(), "nebula-stubborn-"));
  deployer = await makeDeployer({
    ...{ sql: db.sql, ledgerUrl: db.url, vault: makeVault(new Secret(randomBytes(32).toString("base64"))), dataDir },
    ...{ pgBin: "", pulumiBin: "", compute: "state", concurrency: 1, graceMs: 300, pollMs: 100 },
    workerScript: join(import.meta.dirname, "stubborn-worker.ts"),
  });
  await deployer.start();
});
afterAll(async () => {
  await deployer.close();
  await db.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const queue = (type: "PAUSE" | "RESUME", stack: string, deadlineSeconds = 600) =>
  enqueueOperation(db.sql, { stack, type, database: "one", requestedBy: "t", deadlineSeconds, maxAttempts: 1 });
const ended = (id: string, timeoutMs = 8_000) =>
  eventually(
    `${id} ends`,
    async () => {
      const operation = await getOperation(db.sql, id);
      return operation !== undefined && isEnded(operation) ? operation : undefined;
    },
    { timeoutMs },
  );
const groupOf = (pid: number): number[] =>
  execFileSync("ps", ["-eo", "pid=,pgid=,stat="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, group, state]) => Number(group) === pid && !state?.startsWith("Z"))
    .map(([id]) => Number(id));

/** The worker that the operation is stuck in; it and its descendants are three processes more than itself. */
async function stuck(id: string): Promise<number> {
  await eventually("it is stuck", async () =>
    (await listEvents(db.sql, id)).some(({ message }) => message === "stuck"),
  );
  const [worker = 0] = readdirSync(join(dataDir, "run/deploy")).map(Number);
  await eventually("its descendants run", () => groupOf(worker).length >= 4);
  return worker;
}

test("past its deadline the whole group is killed, and the worker's place is free for the next one", async () => {
  const { id } = await queue("PAUSE", "acme.late", 2);
  const next = await queue("RESUME", "acme.next");
  const worker = await stuck(id);
  expect(await ended(id)).toMatchObject({ state: "FAILED", outcome: "stalled", error: { code: "NEB302" } });
  expect(groupOf(worker)).toEqual([]);
  expect(await ended(next.id)).toMatchObject({ state: "COMPLETED" });
});

test("cancelling does not wait for a heartbeat, and leaves no process of the group", async () => {
  const { id } = await queue("PAUSE", "acme.cancelled");
  const worker = await stuck(id);
  const began = performance.now();
  await cancelOperation(db.sql, id, "t");
  expect(await ended(id)).toMatchObject({ state: "CANCELLED", outcome: "cancelled" });
  expect(performance.now() - began).toBeLessThan(4_000);
  expect(groupOf(worker)).toEqual([]);
});
