/**
 * A repository of many projects, one of which changes: from `git push` (its start, as whoever pushes sees it) to the operation
 * claimed by the deployer. Real forge with its webhook, real git, ledger, sandbox and deployer; the other projects count as
 * deployed. The time must not grow with the number of projects.
 */
import { openScope } from "../platform/core/index.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { declaration, openWorld, type World } from "./ground/world.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 10);
const sizes = [10, 1000] as const;
const scope = openScope();
const samples = new Map<number, number[]>(sizes.map((size) => [size, []]));
try {
  const worlds = new Map<number, World>();
  for (const size of sizes) {
    progress(`a repository of ${size} projects`);
    worlds.set(size, await openWorld(scope, { size }));
  }
  // The sizes take turns, so that whatever else the machine does falls on both.
  for (let i = 0; i <= runs; i++)
    for (const [size, world] of worlds) {
      world.write(new Map([[`tenants/acme/p${Math.floor(size / 2)}/orders.ts`, declaration(i + 1)]]));
      await world.commit(`change ${i}`);
      const claimed = world.nextClaim();
      const began = performance.now();
      await world.push();
      const ms = (await claimed) - began;
      progress(`run ${i} of ${runs} at ${size}: ${round(ms, 0)} ms`);
      if (i > 0) samples.get(size)?.push(ms); // the first fills the caches
      await world.idle();
    }
} finally {
  await scope.close();
}

const all = (size: number) => samples.get(size) ?? [];
const p50 = (size: number) => percentile(all(size), 50);
report({
  bench: "one-in-many",
  runs,
  figures: {
    claimMsAt10: round(p50(10), 0),
    claimMsAt1000: round(p50(1000), 0),
    claimMaxMsAt1000: round(Math.max(...all(1000)), 0),
    ratio1000To10: round(p50(1000) / p50(10), 2),
  },
  goals: { claimMsAt1000: "<= 1000", ratio1000To10: "<= 2" },
  notes: [
    "from the start of `git push` to the claim: the push itself, the webhook, fetch, comparison, evaluation, ledger, claim",
    "flat: a hundred times the projects may cost twice the time at most; listing a tree is all that grows",
  ],
});
