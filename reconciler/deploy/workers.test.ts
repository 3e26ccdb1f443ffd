import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ignoreObservations } from "../../platform/core/index.ts";
import type { WorkerOptions } from "./worker-process.ts";
import { makeWorkers } from "./workers.ts";

const dataDir = mkdtempSync(join(tmpdir(), "nebula-workers-"));
const script = join(dataDir, "warm.mjs");
writeFileSync(script, `process.on("message", () => undefined);\nprocess.send({ kind: "warm" });\n`);
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const options = { dataDir, script, observe: ignoreObservations, lender: {} } as unknown as WorkerOptions;
const until = async (what: () => boolean) => {
  for (let round = 0; !what(); round++) {
    if (round > 2000) throw new Error("it does not come about");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

test("one waits in reserve, others come with the work and go after it", async () => {
  const workers = makeWorkers(3, options, 200);
  let told = 0;
  workers.onIdle(() => {
    told += 1;
  });
  const first = await workers.borrow();
  await until(() => told === 1); // the reserve is there
  const second = await workers.borrow();
  await until(() => told === 2);
  const third = await workers.borrow();
  expect(new Set([first.pid, second.pid, third.pid]).size).toBe(3);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(workers.tryBorrow()).toBeUndefined(); // never more than three
  for (const worker of [first, second, third]) workers.giveBack(worker);
  await until(() => [first, second, third].filter((worker) => worker.isAlive()).length === 1);
  const again = await workers.borrow();
  expect(again.isAlive()).toBe(true);
  await again.kill();
  const next = await workers.borrow();
  expect(next.pid).not.toBe(again.pid);
  await workers.close();
  expect(next.isAlive()).toBe(false);
});
