import { canonicalJson, type DatabaseSpec, type ProjectSpec } from "../../platform/spec/index.ts";
import { applyStep } from "./apply.ts";
import { changesBetween } from "./differences.ts";
import { describeChange } from "./text.ts";
import type { Change, Plan, Step } from "./types.ts";

/** A plan as it was reviewed and merged: what the ledger keeps of it until it is applied. */
export type ReviewedPlan = Pick<Plan, "hash" | "steps" | "project"> & {
  /** Of the pull request; 0: it was taken as it was found, at the first look or after an approval. */
  readonly number: number;
  /** The reviewed commit that was merged. */
  readonly head: string;
  /** What it became on the default branch. */
  readonly commit: string;
  /** Hash of the spec that was wanted with it; null when the text was refused. */
  readonly wanted: string | null;
  /** Of a text that was taken as it was found: hash of its inputs. */
  readonly tree?: string;
};

/** A part of a plan that no review showed. `database` null: the project itself. */
export type Unreviewed = { readonly database: string | null; readonly text: string };

/**
 * What of `plan` was not reviewed: nothing when every step of it was, alone or as the sum of several merges. Pure.
 *
 * 1. Where it ends counts: the reviewed steps, applied in their order to what runs, give what is wanted.
 * 2. Where it begins counts too: a change from a value that no review saw is another change - of other cost and risk.
 */
export function findUnreviewed(
  running: ProjectSpec | null,
  wanted: ProjectSpec,
  plan: Plan,
  reviewed: readonly ReviewedPlan[],
): readonly Unreviewed[] {
  if (reviewed.length === 1 && reviewed[0]?.hash === plan.hash) return [];
  const before = byName(running);
  const after = byName(wanted);
  const steps = plan.steps.flatMap((step) =>
    judgeStep(
      step,
      { before: before.get(step.database), after: after.get(step.database) },
      reviewed.flatMap((one) => one.steps.filter(({ database }) => database === step.database)),
    ),
  );
  const own = plan.project.filter(
    (change) =>
      !isKnown(
        change,
        reviewed.flatMap(({ project }) => project),
      ),
  );
  return [...steps, ...own.map((change) => ({ database: null, text: describeChange(change) }))];
}

type Sides = { readonly before: DatabaseSpec | undefined; readonly after: DatabaseSpec | undefined };

function judgeStep(step: Step, { before, after }: Sides, journal: readonly Step[]): Unreviewed[] {
  const { database, kind } = step;
  if (kind === "delete") return journal.at(-1)?.kind === "delete" ? [] : [{ database, text: "is deleted" }];
  const end = journal.reduce(applyStep, before);
  const isAsked = journal.length > 0 && isSame(end, after);
  if (kind === "create") return isAsked ? [] : [{ database, text: "is created as nobody reviewed it" }];
  const states = statesOf(before, journal);
  const isSeen = ({ path }: Change): boolean => states.some((state) => agree(state, before, path));
  if (isAsked)
    return step.changes
      .filter((change) => !isSeen(change))
      .map((change) => ({ database, text: `${describeChange(change)}: it was reviewed from another value` }));
  const entries = journal.flatMap(({ changes }) => changes);
  const unknown = step.changes.filter((change) => !isKnown(change, entries));
  return (unknown.length > 0 ? unknown : step.changes).map((change) => ({ database, text: describeChange(change) }));
}

/**
 * Every state of a database that the reviews speak of, from before the first of them on: the journal is taken back from what runs,
 * and gone through again.
 */
function statesOf(running: DatabaseSpec | undefined, journal: readonly Step[]): readonly (DatabaseSpec | undefined)[] {
  const states = [journal.toReversed().map(inverse).reduce(applyStep, running)];
  for (const step of journal) states.push(applyStep(states.at(-1), step));
  return states;
}

const inverse = ({ kind, changes, ...step }: Step): Step => ({
  ...step,
  kind: kind === "create" ? "delete" : kind === "delete" ? "create" : kind,
  changes: changes.map((change) => ({ ...change, from: change.to, to: change.from })),
});

/** Whether two states of a database are the same at a path, the whole of which it is a part included. */
function agree(a: DatabaseSpec | undefined, b: DatabaseSpec | undefined, path: string): boolean {
  if (a === undefined || b === undefined) return a === b;
  const meets = (one: string) => one === path || one.startsWith(`${path}.`) || path.startsWith(`${one}.`);
  return !changesBetween(a, b).some((change) => meets(change.path));
}

/** The journal ends where the change ends, and some entry began where it begins. */
const isKnown = (change: Change, entries: readonly Change[]): boolean => {
  const own = entries.filter(({ path }) => path === change.path);
  return isSame(own.at(-1)?.to, change.to) && own.some(({ from }) => isSame(from, change.from));
};

const isSame = (a: unknown, b: unknown): boolean => canonicalJson(a ?? null) === canonicalJson(b ?? null);

const byName = (spec: ProjectSpec | null): ReadonlyMap<string, DatabaseSpec> =>
  new Map((spec?.databases ?? []).map((database) => [database.name, database]));
