/**
 * How long a repository of 1,000 projects with 10 databases each takes to evaluate: cold (nothing known, evaluator process
 * included), and warm (one declaration of the 10,000 changed since). The real evaluator on a revision's listing, as the
 * reconciler uses it.
 */
import { createHash } from "node:crypto";
import { type Entry, makeEvaluator, makeRepositoryEvaluator } from "../platform/evaluate/index.ts";
import { percentile, progress, report, round } from "./ground/report.ts";

const projects = 1_000;
const databases = 10;
const warmRuns = 20;

const blobs = new Map<string, string>();
const entries = makeRepository();
const texts = async (hashes: readonly string[]) => new Map(hashes.map((hash) => [hash, blobs.get(hash) ?? ""]));

const evaluator = makeEvaluator();
try {
  const repository = makeRepositoryEvaluator(evaluator);
  progress(`evaluating ${projects * databases} declarations`);
  const cold = await timed(() => repository.evaluate(entries, texts));
  const refused = [...cold.value.projects.values()].filter(({ evaluated }) => evaluated.kind !== "ok").length;
  if (refused > 0 || cold.value.projects.size !== projects) throw new Error(`${refused} projects do not evaluate`);

  const warm: number[] = [];
  for (let run = 0; run < warmRuns; run += 1) {
    const revision = withOneChange(run);
    const { ms, value } = await timed(() => repository.evaluate(revision, texts));
    if (value.changed.length !== 1) throw new Error(`${value.changed.length} projects changed instead of one`);
    warm.push(ms);
  }
  report({
    bench: "evaluate",
    runs: warmRuns,
    figures: {
      declarations: projects * databases,
      coldMsAt10000: round(cold.ms),
      coldMsPerDeclaration: round(cold.ms / (projects * databases), 3),
      warmMsAt10000: round(percentile(warm, 95)),
      warmP50Ms: round(percentile(warm, 50)),
    },
    goals: { coldMsAt10000: "<= 30000", warmMsAt10000: "<= 300" },
    notes: ["warmMsAt10000 is the 95th percentile of the warm runs"],
  });
} finally {
  await evaluator.close();
}

function makeRepository(): Entry[] {
  return Array.from({ length: projects }, (_, project) => {
    const folder = `tenants/tenant-${Math.floor(project / 10)}/project-${project}`;
    return [
      entry(`${folder}/project.ts`, projectText()),
      ...Array.from({ length: databases }, (_, database) =>
        entry(`${folder}/db-${database}.ts`, databaseText(database, project, 0.5)),
      ),
    ];
  }).flat();
}

/** The repository as it was made, with one database of one project changed. */
function withOneChange(run: number): Entry[] {
  const project = (run * 37) % projects;
  const changed = project * (databases + 1) + 1 + (run % databases);
  entries[changed] = entry(entries[changed]?.path ?? "", databaseText(run % databases, project, 1 + run / 4));
  return [...entries];
}

function entry(path: string, text: string): Entry {
  const hash = createHash("sha1").update(text).digest("hex");
  blobs.set(hash, text);
  return { path, hash, mode: "100644" };
}

function projectText(): string {
  return `import { project } from "@nebuladb/platform";

export default project({ placement: "local" });
`;
}

function databaseText(database: number, project: number, max: number): string {
  return `import { Postgres } from "@nebuladb/platform";

/** Database ${database} of project ${project}. */
export default new Postgres("db-${database}", {
  version: "18",
  compute: { min: 0.25, max: ${max}, suspendAfter: "5m" },
  storage: "10Gi",
  backups: { retention: "30d", pitr: true },
  extensions: ["pg_trgm"],
  roles: [{ name: "reporting", access: "read" }],
  tags: { team: "team-${project % 7}" },
});
`;
}

async function timed<T>(body: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const startedAt = performance.now();
  const value = await body();
  return { ms: performance.now() - startedAt, value };
}
