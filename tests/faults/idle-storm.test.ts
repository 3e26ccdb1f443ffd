/** Databases that fall idle all at once, and more of them asked for than the disk takes. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pLimit from "p-limit";
import { makeKeeper } from "../../gateway/keeper/index.ts";
import { makeLocalDriver, makeLocalRunner } from "../../platform/compute/index.ts";
import { makeGround, pgBin, vault, wish } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const isLarge = process.env.NEBULA_SCALE === "large";
/** A data folder is 39 MB: 1,000 of them are for a machine that has the disk. */
const most = isLarge ? 1_000 : 60;
const periodMs = isLarge ? 60_000 : 10_000;
const storm = 100;

async function run({ n, guarded }: RowInput): Promise<Trials> {
  const violations: string[] = [];
  let suspendedMs = 0;
  const databases = guarded ? most : 5;
  for (let i = 0; i < n; i++) {
    const ground = await makeGround({ spares: 0 });
    const runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
    const keeper = makeKeeper({ dataDir: ground.dataDir, runner, pressed: () => false, suspension: { sweepMs: 100 } });
    try {
      const limit = pLimit(4);
      const make = async () => ground.driver.ensure(await wish({ suspendAfterSeconds: periodMs / 1000 }));
      const made = await Promise.all(Array.from({ length: databases }, () => limit(make)));
      const began = performance.now();
      if (guarded) await keeper.start();
      const rests = async () => (await ground.driver.list()).filter(({ phase }) => phase === "Frozen").length;
      while (performance.now() - began < 2 * periodMs && (await rests()) < databases) await sleep(250);
      suspendedMs = Math.max(suspendedMs, performance.now() - began);
      for (const { id, phase } of await ground.driver.list())
        if (phase !== "Frozen") violations.push(`${id} is ${phase} after two periods`);
      violations.push(...(await stormOn(ground.dataDir, made.length)));
    } finally {
      await keeper.close();
      await ground.clear();
    }
  }
  return { trials: n, violations, figures: { databases, periodMs, suspendedMs: Math.round(suspendedMs) } };
}

/** With nothing left on the disk each creation is refused before it has a folder, and those that are there stay as they are. */
async function stormOn(dataDir: string, there: number): Promise<string[]> {
  const full = await makeLocalDriver({ dataDir, pgBin: pgBin(), vault, spares: 0, reserveBytes: 2 ** 60 });
  const codes = await Promise.all(Array.from({ length: storm }, async () => codeOf(full.ensure(await wish()))));
  await full.close();
  const folders = readdirSync(join(dataDir, "instances"));
  return [
    ...codes.filter((code) => code !== "NEB344").map((code) => `a creation without room ended with ${code}`),
    ...(folders.length === there ? [] : [`${folders.length} folders are there, ${there} before the storm`]),
  ];
}

catalogueRow({
  suite: "faults",
  name: "1,000 databases fall idle together; create storm",
  promise: "all are suspended within two periods; creations are refused before the disk runs out",
  n: { small: 1, large: 5 },
  run,
  control: { without: "the sweep", n: 1 },
  timeoutMs: 90_000,
});
