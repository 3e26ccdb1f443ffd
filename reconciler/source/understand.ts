import pLimit from "p-limit";
import type { Evaluated } from "../../platform/evaluate/index.ts";
import type { Git } from "../../platform/git/index.ts";
import { databasesAppearing, deletionsWaiting, type Retired } from "../../platform/policy/index.ts";
import type { DeclarationProblem, ProjectSpec, StackName } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { branchAges, type FleetRow, getProjects, listInstances, type ProjectRow } from "../../platform/store/index.ts";
import { type Admission, admit, admitInvalid, admitLater, admitMissing, admitWithoutFleet } from "./admit.ts";
import type { Changes } from "./compare.ts";
import { type DeclaredProject, pathsOf, readFiles, type Snapshot } from "./snapshot.ts";
import type { SourceParts } from "./sync.ts";

/** What is to be recorded of one project. */
export type Understood = {
  readonly stack: StackName;
  readonly tenant: string;
  readonly project: string;
  readonly tree: string;
  /** What the ledger knew before. */
  readonly row: ProjectRow | undefined;
  readonly admission: Admission | "forget";
};

export type Reading = {
  readonly git: Git;
  readonly snapshot: Snapshot;
  readonly fleet: FleetRow | undefined;
  readonly fleetProblems: readonly DeclarationProblem[];
  readonly changes: Changes;
};

/** The hash of inputs of a project that has none. */
const nowhere = "";

/** Reads and evaluates what changed, and nothing else; decides for each project whether it may replace what runs. */
export async function understand(parts: SourceParts, reading: Reading): Promise<readonly Understood[]> {
  const { changed, missing } = reading.changes;
  if (changed.length + missing.length === 0) return [];
  const stacks = [...changed.map(({ stack }) => stack), ...missing];
  const [rows, evaluated, ages] = await Promise.all([
    getProjects(parts.sql, stacks).then((found) => new Map(found.map((row) => [row.stack, row]))),
    evaluateProjects(parts, reading.git, reading.snapshot, changed),
    branchAges(parts.sql, stacks),
  ]);
  const heads = [...evaluated.values()].flatMap((one) => (one.kind === "ok" ? [one.spec] : []));
  const bases = [...rows.values()].flatMap(({ appliedSpec, wantedSpec }) => appliedSpec ?? wantedSpec ?? []);
  const appeared = databasesAppearing(bases, heads);

  const decide = (stack: StackName, row: ProjectRow | undefined): Admission => {
    const one = evaluated.get(stack);
    if (one === undefined || one.kind === "invalid") return admitInvalid(one?.problems ?? []);
    const { fleet, fleetProblems } = reading;
    if (fleet === undefined) return admitWithoutFleet(fleetProblems);
    const running = row?.appliedSpec ?? null;
    return admit(one.spec, one.sources, { running, fleet, appeared, ages: ages.get(stack) ?? new Map() });
  };
  const understood = [
    ...changed.map(({ stack, tenant, project, treeHash: tree }): Understood => {
      const row = rows.get(stack);
      return { stack, tenant, project, tree, row, admission: decide(stack, row) };
    }),
    ...missing.flatMap((stack): Understood[] => {
      const row = rows.get(stack);
      if (row === undefined) return [];
      const { tenant, project } = row;
      return [{ stack, tenant, project, tree: nowhere, row, admission: admitMissing(row) }];
    }),
  ];
  return Promise.all(understood.map((one) => afterGrace(parts.sql, one, reading.fleet)));
}

/** A deletion whose grace time is not over is refused for now; it is looked at again with every pass. */
async function afterGrace(sql: Sql, one: Understood, fleet: FleetRow | undefined): Promise<Understood> {
  const { admission, row } = one;
  if (admission === "forget" || admission.kind !== "spec" || fleet === undefined) return one;
  const kept = new Set(admission.spec.databases.map(({ name }) => name));
  if (row?.appliedSpec?.databases.every(({ name }) => kept.has(name)) ?? true) return one;
  const [retired, { now }] = await Promise.all([
    readRetired(sql, one.stack),
    sql.one<{ now: Date }>("select clock_timestamp() as now"),
  ]);
  const { policies } = fleet.fleet;
  const waiting = deletionsWaiting(row?.appliedSpec ?? null, admission.spec, { retired, policies, now });
  return waiting.length === 0 ? one : { ...one, admission: admitLater(one, waiting) };
}

/** Evaluates projects of one tree; the texts of all of them are read in one batch. */
export async function evaluateProjects(
  { evaluator }: Pick<SourceParts, "evaluator">,
  git: Git,
  snapshot: Snapshot,
  projects: readonly DeclaredProject[],
): Promise<ReadonlyMap<StackName, Evaluated>> {
  const texts = await readFiles(git, snapshot, projects.flatMap(pathsOf));
  // Few at a time: a review that comes in between waits for two projects, not for a thousand.
  const limit = pLimit(2);
  return new Map(
    await Promise.all(
      projects.map((one) =>
        limit(async (): Promise<[StackName, Evaluated]> => {
          const own = new Map(pathsOf(one).map((path) => [path, texts.get(path) ?? ""]));
          return [one.stack, await evaluator.project(own, one.tenant, one.project)];
        }),
      ),
    ),
  );
}

/** What runs of a stack, and since when what is retired is stopped. */
export async function readRetired(sql: Sql, stack: StackName): Promise<readonly Retired[]> {
  const live = await listInstances(sql, { stack, phases: ["Ready", "Paused", "Failed", "Retired"] });
  return live.map(({ database, phase, retiredAt }) => ({
    database,
    retiredAt: phase === "Retired" ? retiredAt : null,
  }));
}

export const specOf = (one: Evaluated | undefined): ProjectSpec | null => (one?.kind === "ok" ? one.spec : null);
