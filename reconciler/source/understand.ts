import pLimit from "p-limit";
import type { Evaluated } from "../../platform/evaluate/index.ts";
import type { Git } from "../../platform/git/index.ts";
import { databasesAppearing } from "../../platform/policy/index.ts";
import type { DeclarationProblem, ProjectSpec, StackName } from "../../platform/spec/index.ts";
import { type FleetRow, getProjects, type ProjectRow } from "../../platform/store/index.ts";
import { type Admission, admit, admitInvalid, admitMissing, admitWithoutFleet } from "./admit.ts";
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
  const [rows, evaluated] = await Promise.all([
    getProjects(parts.sql, [...changed.map(({ stack }) => stack), ...missing]).then(
      (found) => new Map(found.map((row) => [row.stack, row])),
    ),
    evaluateProjects(parts, reading.git, reading.snapshot, changed),
  ]);
  const heads = [...evaluated.values()].flatMap((one) => (one.kind === "ok" ? [one.spec] : []));
  const bases = [...rows.values()].flatMap(({ appliedSpec, wantedSpec }) => appliedSpec ?? wantedSpec ?? []);
  const appeared = databasesAppearing(bases, heads);

  const decide = (stack: StackName, row: ProjectRow | undefined): Admission => {
    const one = evaluated.get(stack);
    if (one === undefined || one.kind === "invalid") return admitInvalid(one?.problems ?? []);
    const { fleet, fleetProblems } = reading;
    if (fleet === undefined) return admitWithoutFleet(fleetProblems);
    return admit(one.spec, one.sources, { running: row?.appliedSpec ?? null, fleet, appeared });
  };
  return [
    ...changed.map(({ stack, tenant, project, treeHash: tree }) => {
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

export const specOf = (one: Evaluated | undefined): ProjectSpec | null => (one?.kind === "ok" ? one.spec : null);
