/**
 * One push that changes many projects, until the last is deployed. Real forge, git, sandbox, ledger, Pulumi command and worker
 * processes; the compute driver only keeps state, so that the control plane is what is measured. Beside it: the same programs by
 * plain Automation API, as many at a time, and real databases.
 */
import { openScope, type Scope } from "../platform/core/index.ts";
import { plainFleet } from "./ground/plain-fleet.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { openWorld, projectFiles } from "./ground/world.ts";

const size = Number(process.env.NEBULA_BENCH_PROJECTS ?? 1000);
const realSize = Number(process.env.NEBULA_BENCH_REAL ?? 100);
/** Plain Automation API is linear in the projects: a part of them is deployed, and the rest is reckoned. */
const plainSize = Number(process.env.NEBULA_BENCH_PLAIN ?? 60);
const workers = Number(process.env.NEBULA_BENCH_WORKERS ?? 3);

progress(`plain Automation API, ${plainSize} projects, ${workers} at a time`);
const plainSeconds = await measured((scope) => plainFleet(scope, { size: plainSize, concurrency: workers }));
progress(`${size} projects in one push`);
const fleet = await measured((scope) => deployFleet(scope, size, "state"));
progress(`${realSize} real databases in one push`);
const real = await measured((scope) => deployFleet(scope, realSize, "local"));

const plainAll = (plainSeconds / plainSize) * size;
report({
  bench: "fleet",
  runs: 1,
  figures: {
    projects: size,
    seconds: round(fleet.seconds),
    ratioToPlain: round(fleet.seconds / plainAll, 2),
    plainSeconds: round(plainAll),
    plainMeasured: plainSize,
    readSeconds: round(fleet.readSeconds),
    deployMsP50: round(fleet.deployMsP50, 0),
    realDatabases: realSize,
    realSeconds: round(real.seconds),
  },
  goals: { seconds: "<= 256", ratioToPlain: "<= 1" },
  notes: [
    `from the start of one \`git push\` to the last of ${size} operations completed; ${workers} workers; compute keeps state only`,
    `plain: createOrSelectStack and up of the same programs, ${workers} at a time, ${plainSize} measured and scaled to ${size}`,
    `Flux's published time for 1,000 Kustomizations is 256 s, on another machine`,
  ],
});

async function measured<T>(body: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = openScope();
  try {
    return await body(scope);
  } finally {
    await scope.close();
  }
}

async function deployFleet(scope: Scope, projects: number, compute: "state" | "local") {
  const world = await openWorld(scope, { size: 0, workers, compute });
  world.write(projectFiles(projects));
  await world.commit(`add ${projects} projects`);
  const began = performance.now();
  const wallMs = Date.now();
  await world.push();
  const ended = () =>
    world.sql.one<{ done: number; failed: number; queued: Date; ms: number[] }>(
      `select count(*) filter (where state = 'COMPLETED')::int as done, count(*) filter (where state = 'FAILED')::int as failed,
         max(created_at) as queued, coalesce(array_agg(extract(epoch from finished_at - started_at)::float8 * 1000)
           filter (where state = 'COMPLETED'), '{}') as ms
       from operations where type = 'DEPLOY'`,
    );
  for (let told = 0; ; ) {
    const { done, failed, queued, ms } = await ended();
    if (failed > 0) throw new Error(`${failed} of ${projects} deployments failed`);
    if (done >= projects) {
      const seconds = (performance.now() - began) / 1000;
      return { seconds, readSeconds: (queued.getTime() - wallMs) / 1000, deployMsP50: percentile(ms, 50) };
    }
    if (done >= told + 100) {
      told = done;
      progress(`${done} of ${projects} after ${round((performance.now() - began) / 1000)} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
