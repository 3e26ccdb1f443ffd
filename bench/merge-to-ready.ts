/**
 * From a merge to the first answered query of the database that it declares, through the whole platform: the forge's merge,
 * webhook, fetch, evaluation, claim, Pulumi, PostgreSQL. Against the same program run by plain `LocalWorkspace.createOrSelectStack`
 * + `stack.up()`, which begins with the spec in its hand. Both sides take turns in one run, on one machine, with the same provider
 * and driver; each run deploys a project that is new.
 */

import { platformSide } from "./ground/platform-side.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { freePort, oneDatabase, openGround, plainSide } from "./ground/sides.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 20);

const ground = await openGround(await freePort());
const samples: Record<string, number[]> = {};
const add = (name: string, value: number): void => {
  samples[name] ??= [];
  samples[name].push(value);
};
try {
  const ours = ground.scope.add(await platformSide(await freePort()), (side) => side.close());
  const plain = ground.scope.add(await plainSide(ground), (side) => side.close());
  for (let i = 0; i <= runs; i++) {
    const mine = await ours.run(`bench-${i}`);
    const theirs = await plain.run(oneDatabase("plain", `p${i}`));
    progress(`run ${i} of ${runs}: ${round(mine.readyMs, 0)} ms, plain ${round(theirs.readyMs, 0)} ms`);
    if (i === 0) continue; // both sides fill their caches once
    add("ready", mine.readyMs);
    add("plain", theirs.readyMs);
    for (const [name, ms] of Object.entries({ ...mine.parts, ...theirs.parts })) add(name.replace(/Ms$/, ""), ms);
  }
} finally {
  await ground.scope.close();
}

const p50 = (name: string) => round(percentile(samples[name] ?? [], 50), 0);
const parts = ["merge", "queued", "claim", "start", "engine", "provider", "finish", "select", "up"];
report({
  bench: "merge-to-ready",
  runs,
  figures: {
    p50Ms: p50("ready"),
    p95Ms: round(percentile(samples.ready ?? [], 95), 0),
    ratioToPlain: round(p50("ready") / p50("plain"), 2),
    plainP50Ms: p50("plain"),
    ...Object.fromEntries(parts.map((name) => [`${name}P50Ms`, p50(name)])),
  },
  goals: { p50Ms: "<= 1500", ratioToPlain: "<= 0.6" },
  notes: [
    "ours: merge (the forge's answer), queued (webhook, fetch, evaluation), claim, start (command and state), engine (program and engine), provider (the database itself), finish (after the summary)",
    "plain: select (createOrSelectStack), up (stack.up); no merge, no webhook, no evaluation",
  ],
});
