import { type Clock, toTimestamp } from "../../platform/core/index.ts";
import type { Git } from "../../platform/git/index.ts";
import { judgeChange, touchedBy, touchedPaths } from "../../platform/ownership/index.ts";
import { pruneBudget, pruneBudgetExceeded } from "../../platform/policy/index.ts";
import type { Policies, ProjectSpec, StackName } from "../../platform/spec/index.ts";
import { countApplied, type RepositoryRow } from "../../platform/store/index.ts";
import { deletesOf } from "../plan/index.ts";
import { pathsOf, readFiles, type SourceParts } from "../source/index.ts";
import { assemble, type Findings, joinProblems } from "./assemble.ts";
import { readAuthor } from "./author.ts";
import { readRules } from "./authority.ts";
import { isPlatform, isTenant, refusalOf } from "./changes.ts";
import { fleetMissing } from "./errors.ts";
import { type MigrationFindings, type Rehearser, reviewMigrations } from "./migrations.ts";
import { type Previewer, runPreviews } from "./previews.ts";
import { priceNotes } from "./price-notes.ts";
import { problemsOf, readTouched, reviewProjects, type Touched, touchedStacks } from "./projects.ts";
import { readTrees, type Trees } from "./trees.ts";
import { blameNewTwins } from "./twins.ts";
import { checkTypes, type TypeReport } from "./typecheck.ts";
import type { Note, ProjectReview, Review } from "./types.ts";

export type ReviewParts = SourceParts & {
  readonly clock: Clock;
  readonly preview: Previewer;
  /** Where migrations are tried out; without it they are only read. */
  readonly rehearse?: Rehearser;
  /** The address that the gateway of the local placement binds to. Default: this machine alone. */
  readonly gatewayHost?: string;
};

export type Change = {
  readonly repository: RepositoryRow;
  readonly number: number;
  readonly head: string;
  readonly base: string;
  /** The account of the Git host that opened it. */
  readonly login: string;
  readonly accountId: number | null;
  readonly labels: readonly string[];
};

/** A review, and git's tree of the merge that it speaks of: what must be on the default branch afterwards. */
export type Reviewed = { readonly review: Review; readonly mergeTree: string | null };

/**
 * Reviews one head against one base, in stages: the trees; types beside evaluation; plan, price, quota and policy; previews.
 * `told` hears the review when only the previews are missing.
 */
export async function reviewChange(
  parts: ReviewParts,
  change: Change,
  { told, signal }: { readonly told: (review: Review) => void; readonly signal: AbortSignal },
): Promise<Reviewed> {
  const started = parts.clock.monotonicMs();
  const git = parts.mirrors.of(change.repository);
  const trees = await readTrees(git, change);
  const [types, touched, rules] = await Promise.all([
    typesOf(git, trees, signal),
    readTouched(parts, git, trees),
    readRules(parts, git, change.repository, trees),
  ]);
  signal.throwIfAborted();
  const author = await readAuthor(parts.sql, change, rules.base.tenants);
  const refused = judgeChange(trees.changes, author, trees.base.modes.keys()).map(refusalOf);
  // What its author has no right to ask for is not run, not even on a copy.
  const trying = refused.length > 0 || parts.rehearse === undefined ? {} : { rehearse: parts.rehearse };
  const migrated = await reviewMigrations({ sql: parts.sql, ...trying }, git, trees.head, touched, signal);
  const projects = reviewProjects(touched, {
    commit: change.base,
    now: new Date(parts.clock.now()),
    pull: { number: change.number, labels: change.labels },
    ...rules.base,
    gatewayHost: parts.gatewayHost ?? "127.0.0.1",
  }).map((one) => withMigrations(one, migrated));
  const pruned = rules.base.fleet === null ? [] : await pruneNotes(parts, change, projects, rules.base.fleet.policies);
  const [before, after] = [rules.base.fleet?.priceBook, rules.head?.fleet?.priceBook];
  const repriced = await priceNotes(parts.sql, before, after, parts.clock.now());
  const evaluated = blameNewTwins(problemsOf(touched), trees.base.files, trees.head.files);
  const declared = [...trees.problems, ...rules.headProblems, ...evaluated, ...migrated.problems];
  const findings: Findings = {
    about: {
      ...{ repository: nameOf(change), number: change.number, head: change.head, base: change.base },
      ...{ author: author.name, touched: touchedBy(touchedPaths(trees.changes)) },
    },
    types,
    problems: joinProblems(declared, types.report, await textsOf(git, trees, declared, types.report)),
    notes: [...(rules.base.fleet === null ? [noFleet] : []), ...refused, ...trees.notes, ...pruned, ...repriced],
    projects,
  };
  const finish = (projects: Findings["projects"]): Review =>
    assemble(
      { ...findings, projects },
      {
        reviewedAt: toTimestamp(parts.clock.now()),
        durationMs: Math.round(parts.clock.monotonicMs() - started),
      },
    );
  const first = finish(findings.projects);
  const { mergeTree } = trees;
  if (first.checks.preview.state !== "pending") return { review: first, mergeTree };
  told(first);
  const previewed = await runPreviews(parts.preview, findings.projects, specsAfter(touched), signal);
  return { review: finish(previewed), mergeTree };
}

function withMigrations(project: ProjectReview, { reviews }: MigrationFindings): ProjectReview {
  const migrations = reviews.get(project.stack) ?? [];
  return migrations.length === 0 ? project : { ...project, migrations };
}

/** Said before the merge: a commit that deletes more than the fleet's budget will wait for an approval. */
async function pruneNotes(
  { sql }: ReviewParts,
  { repository }: Change,
  projects: readonly ProjectReview[],
  policies: Policies,
): Promise<readonly Note[]> {
  const deleted = projects.flatMap(({ stack, plan }) =>
    deletesOf(plan?.steps ?? []).map((database) => `${stack}.${database}`),
  );
  if (deleted.length <= policies.prune.databases) return [];
  const budget = pruneBudget(policies, await countApplied(sql, repository.id));
  if (deleted.length <= budget) return [];
  const { code, hint } = pruneBudgetExceeded.definition;
  const message = `this deletes ${deleted.length} databases, and one commit may delete ${budget}`;
  return [{ check: "policy", severity: "warn", code, message, hint, paths: deleted }];
}

/** Types of what changed: the inputs of every touched project, and the fleet's and tenants' files where those changed. */
async function typesOf(
  git: Git,
  { base, head, changes }: Trees,
  signal: AbortSignal,
): Promise<{ readonly report: TypeReport; readonly files: number }> {
  const inputs = touchedStacks(base, head).flatMap((stack) =>
    pathsOf(head.projects.get(stack) ?? { treeHash: "", files: [] }),
  );
  const beside = touchedPaths(changes).filter((path) => isPlatform(path) || isTenant(path));
  const fleet = [...head.files.keys()].filter((path) => path.startsWith("tenants/fleet/"));
  const touchesFleet = beside.some((path) => path.startsWith("tenants/fleet/"));
  const texts = await readFiles(git, head, [...inputs, ...beside, ...(touchesFleet ? fleet : [])]);
  const typed = [...texts.keys()].filter((path) => path.endsWith(".ts"));
  return { report: await checkTypes(texts, { signal }), files: typed.length };
}

/** The texts that problems point into. */
const textsOf = (git: Git, { head }: Trees, declared: readonly { file: string }[], types: TypeReport) =>
  readFiles(
    git,
    head,
    [...declared, ...(types.kind === "problems" ? types.problems : [])].map(({ file }) => file),
  );

/** What each project would be deployed as; a removed one as the same project without databases. */
function specsAfter(touched: readonly Touched[]): ReadonlyMap<StackName, ProjectSpec> {
  return new Map(
    touched.flatMap(({ stack, before, after }): [StackName, ProjectSpec][] => {
      if (after?.kind === "ok") return [[stack, after.spec]];
      return after === null && before !== null ? [[stack, { ...before, databases: [] }]] : [];
    }),
  );
}

const nameOf = ({ repository: { owner, name } }: Change): string => `${owner}/${name}`;

const noFleet: Note = {
  check: "plan",
  severity: "error",
  code: fleetMissing.definition.code,
  message: fleetMissing.definition.title,
  hint: fleetMissing.definition.hint,
  paths: [],
};
