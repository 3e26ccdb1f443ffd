import type { Evaluated } from "../../platform/evaluate/index.ts";
import type { Git } from "../../platform/git/index.ts";
import {
  authorityAtBase,
  checkPolicy,
  checkProjectDeleted,
  checkQuota,
  checkReach,
  databasesAppearing,
  deletionsWaiting,
  type Retired,
} from "../../platform/policy/index.ts";
import {
  estimateRates,
  metersOf,
  monthlyEstimate,
  monthOf,
  priceDifference,
  type Rates,
} from "../../platform/pricing/index.ts";
import {
  type Ages,
  type DeclarationProblem,
  databaseId,
  type FleetSpec,
  type ProjectSpec,
  previewBranches,
  type StackName,
  type TenantSpec,
  withoutOver,
} from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  branchAges,
  getProjects,
  listBackupLines,
  type RestorableWindow,
  restorableWindow,
} from "../../platform/store/index.ts";
import { planProject } from "../plan/index.ts";
import { evaluateProjects, readRetired, type Snapshot, type SourceParts, specOf } from "../source/index.ts";
import { planLines } from "./plan-lines.ts";
import type { Preview, ProjectReview } from "./types.ts";

/** A project that a change touches: before and after, as far as each evaluates. */
export type Touched = {
  readonly stack: StackName;
  readonly tenant: string;
  readonly project: string;
  /** Of its inputs after the merge; null when it is gone. */
  readonly tree: string | null;
  readonly before: ProjectSpec | null;
  readonly after: Evaluated | null;
  /** Of what the change deletes: since when it is stopped. */
  readonly retired: readonly Retired[];
  /** Of its branches that are made. */
  readonly ages: Ages;
  /** What can be restored of those that it adds a branch of, at a moment; null: nothing yet. */
  readonly restorable: ReadonlyMap<string, RestorableWindow | null>;
};

/** Projects whose inputs differ between two trees, sorted by stack. */
export function touchedStacks(base: Snapshot, head: Snapshot): readonly StackName[] {
  const all = new Set([...base.projects.keys(), ...head.projects.keys()]);
  return [...all].filter((stack) => base.projects.get(stack)?.treeHash !== head.projects.get(stack)?.treeHash).sort();
}

/** Evaluates both sides of what changed. A base that is broken counts as the last good spec that the ledger has. */
export async function readTouched(
  parts: SourceParts,
  git: Git,
  { base, head }: { readonly base: Snapshot; readonly head: Snapshot },
): Promise<readonly Touched[]> {
  const stacks = touchedStacks(base, head);
  const inputsIn = (side: Snapshot) => stacks.flatMap((stack) => side.projects.get(stack) ?? []);
  const [before, after, rows, ages] = await Promise.all([
    evaluateProjects(parts, git, base, inputsIn(base)),
    evaluateProjects(parts, git, head, inputsIn(head)),
    getProjects(parts.sql, stacks),
    branchAges(parts.sql, stacks),
  ]);
  const known = new Map(rows.map((row) => [row.stack, row.wantedSpec]));
  const touched = stacks.flatMap((stack): Omit<Touched, "retired" | "ages" | "restorable">[] => {
    const inputs = head.projects.get(stack) ?? base.projects.get(stack);
    if (inputs === undefined) return [];
    const { tenant, project } = inputs;
    const old = base.projects.has(stack) ? (specOf(before.get(stack)) ?? known.get(stack) ?? null) : null;
    const tree = head.projects.get(stack)?.treeHash ?? null;
    return [{ stack, tenant, project, tree, before: old, after: after.get(stack) ?? null }];
  });
  return Promise.all(
    touched.map(async (one) => ({
      ...one,
      ages: ages.get(one.stack) ?? new Map(),
      restorable: await readRestorable(parts.sql, one),
      retired: deletesRetired(one) ? await readRetired(parts.sql, one.stack) : [],
    })),
  );
}

/** What the ledger knows of the parents of new branches that name a moment. */
async function readRestorable(
  sql: Sql,
  { tenant, project, before, after }: Pick<Touched, "tenant" | "project" | "before" | "after">,
): Promise<Touched["restorable"]> {
  const known = new Set((before?.databases ?? []).map(({ name }) => name));
  const added = (specOf(after ?? undefined)?.databases ?? []).filter(({ name }) => !known.has(name));
  const parents = new Set(added.flatMap(({ branch }) => (branch?.at == null ? [] : [branch.of])));
  const read = [...parents].map(async (of) => {
    const lines = await listBackupLines(sql, databaseId(tenant, project, of));
    return [of, restorableWindow(lines) ?? null] as const;
  });
  return new Map(await Promise.all(read));
}

/** Rare, and worth a question only then. */
function deletesRetired({ before, after }: Pick<Touched, "before" | "after">): boolean {
  const kept = new Set((specOf(after ?? undefined)?.databases ?? []).map(({ name }) => name));
  return (before?.databases ?? []).some(({ name, retire }) => retire && !kept.has(name));
}

export const problemsOf = (touched: readonly Touched[]): readonly DeclarationProblem[] =>
  touched.flatMap(({ after }) => (after?.kind === "invalid" ? after.problems : []));

type Rules = {
  readonly commit: string;
  readonly now: Date;
  readonly fleet: FleetSpec | null;
  readonly tenants: readonly TenantSpec[];
  /** The pull request. */
  readonly pull: { readonly number: number; readonly labels: readonly string[] };
  /** Where the gateway listens. */
  readonly gatewayHost: string;
};

/** Plan, price, quota and policy of every touched project. Pure. */
export function reviewProjects(touched: readonly Touched[], rules: Rules): readonly ProjectReview[] {
  const bases = touched.flatMap(({ before }) => before ?? []);
  const heads = touched.flatMap(({ after }) => (after?.kind === "ok" ? [after.spec] : []));
  const appeared = databasesAppearing(bases, heads);
  return touched.map((one) => reviewProject(one, rules, appeared));
}

const pending: Preview = { kind: "pending" };

function reviewProject(one: Touched, rules: Rules, appeared: ReturnType<typeof databasesAppearing>): ProjectReview {
  const { stack, tenant, project, tree, before, after, ages, restorable } = one;
  const located = { stack, tenant, project, tree, sources: after?.kind === "ok" ? after.sources : {} };
  if (after?.kind === "invalid") return { ...located, ...unknown, kind: "broken" };
  if (after === null && before === null) return { ...located, ...unknown, kind: "removed" };
  const removed = after === null && before !== null;
  const next = after?.spec ?? { ...(before as ProjectSpec), databases: [] };
  const plan = planProject(before, next, { now: rules.now, ages, restorable });
  const named = { ...located, lines: planLines(plan) };
  const kind = removed
    ? "removed"
    : before === null
      ? "added"
      : plan.steps.length + plan.project.length === 0
        ? "same"
        : "changed";
  const preview: Preview = kind === "same" ? { kind: "skipped", reason: "nothing changes" } : pending;
  // What is over stands in a file still, and is neither counted nor priced.
  const [had, has] = [before === null ? null : withoutOver(before, ages), withoutOver(next, ages)];
  const { fleet, tenants, commit, now } = rules;
  if (fleet === null) return { ...named, kind, plan, price: null, quota: null, policy: [], waiting: [], preview };
  const baseTenant = tenants.find((candidate) => candidate.tenant === tenant) ?? null;
  const authority = authorityAtBase({ baseCommit: commit, baseFleet: fleet, baseTenant });
  const rates = estimateRates(fleet.priceBook, { tenant, month: monthOf(now.getTime()) });
  return {
    ...named,
    kind,
    plan,
    price: rates === null ? null : priceDifference(had, removed ? null : has, rates, metersOf[next.placement]),
    quota: removed ? null : checkQuota(has, authority.granted, had),
    policy: removed
      ? checkProjectDeleted(before, appeared)
      : [...checkPolicy(next, authority, before, appeared), ...checkReach(next, rules.gatewayHost)],
    waiting: deletionsWaiting(before, next, { retired: one.retired, policies: fleet.policies, now }),
    preview,
    ...(kind === "changed" && before !== null ? branchesOf(before, rules.pull, rates) : {}),
  };
}

/** What is made for the pull request while it is open, of what runs. */
function branchesOf(before: ProjectSpec, pull: Rules["pull"], rates: Rates | null): Pick<ProjectReview, "branches"> {
  if (rates === null) return {};
  const branches = previewBranches(before, pull).map((spec) => ({
    ...{ name: spec.name, of: spec.branch?.of ?? "" },
    monthMicros: monthlyEstimate(spec, rates, metersOf[before.placement]).micros,
    currency: rates.currency,
  }));
  return branches.length === 0 ? {} : { branches };
}

const unknown = {
  plan: null,
  price: null,
  quota: null,
  policy: [],
  waiting: [],
  preview: { kind: "skipped", reason: "there is nothing to preview" },
} as const;
