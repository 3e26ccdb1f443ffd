import { createHash } from "node:crypto";
import { toTimestamp } from "../../platform/core/index.ts";
import type { DeclarationProblem } from "../../platform/spec/index.ts";
import { checkOfPlan, checkOfPolicy, checkOfPreview, checkOfQuota, checkOfTypes, verdictOf } from "./checks.ts";
import { codeFrame } from "./frame.ts";
import type { TypeReport } from "./typecheck.ts";
import type { Note, Problem, ProjectReview, Review } from "./types.ts";

/** Everything that a review is made of. */
export type Findings = {
  readonly about: Pick<Review, "repository" | "number" | "head" | "base" | "author" | "touched">;
  readonly types: { readonly report: TypeReport; readonly files: number };
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
  readonly projects: readonly ProjectReview[];
};

/** Findings as a review: checks, verdict, sums and the hash of what was reviewed. Pure. */
export function assemble(findings: Findings, at: Pick<Review, "reviewedAt" | "durationMs">): Review {
  const { about, types, problems, notes, projects } = findings;
  const typeErrors = types.report.kind === "problems" ? new Set(types.report.problems.map(placeOf)) : new Set();
  const declared = problems.filter((problem) => !typeErrors.has(placeOf(problem)) || problem.code !== "NEB150");
  const plan = checkOfPlan(projects, declared, notes);
  const policy = checkOfPolicy(projects, notes);
  const quota = checkOfQuota(projects);
  const refused = [plan, policy, quota].some(({ state }) => state === "failure" || state === "error");
  const shown = refused ? projects.map(withoutPreview) : projects;
  const checks = {
    types: checkOfTypes(types.report, types.files),
    plan,
    policy,
    quota,
    preview: checkOfPreview(shown, refused),
  };
  return {
    version: 1,
    ...about,
    verdict: verdictOf(checks),
    checks,
    projects: shown,
    price: sumPrices(projects),
    problems,
    notes,
    planHash: hashPlans(projects),
    waitsUntil: waitsUntil(projects, at.reviewedAt),
    ...at,
  };
}

/** One list of problems: what tsc says of a line that the sandbox explained already is left out. */
export function joinProblems(
  declared: readonly DeclarationProblem[],
  types: TypeReport,
  texts: ReadonlyMap<string, string>,
): readonly Problem[] {
  const explained = new Set(declared.map(lineOf));
  const typed = types.kind === "problems" ? types.problems.filter((one) => !explained.has(lineOf(one))) : [];
  const sorted = [...declared, ...typed].sort(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
  );
  return sorted.map((one) => ({ ...one, frame: codeFrame(texts.get(one.file) ?? "", one.line, one.column) }));
}

const lineOf = ({ file, line }: DeclarationProblem): string => `${file}:${line}`;
const placeOf = ({ file, line, column }: DeclarationProblem): string => `${file}:${line}:${column}`;

const withoutPreview = (project: ProjectReview): ProjectReview =>
  project.preview.kind === "pending"
    ? { ...project, preview: { kind: "skipped", reason: "the plan is refused" } }
    : project;

function sumPrices(projects: readonly ProjectReview[]): Review["price"] {
  const prices = projects.flatMap(({ price }) => price ?? []);
  const [first] = prices;
  if (first === undefined) return null;
  const sum = (pick: "beforeMicros" | "afterMicros" | "differenceMicros") =>
    prices.reduce((total, price) => total + price[pick], 0);
  return {
    currency: first.currency,
    beforeMicros: sum("beforeMicros"),
    afterMicros: sum("afterMicros"),
    differenceMicros: sum("differenceMicros"),
  };
}

/** The last of the grace times; a database that is not stopped yet is looked at again in half a minute. */
function waitsUntil(projects: readonly ProjectReview[], reviewedAt: string): string | null {
  const waiting = projects.flatMap((project) => project.waiting);
  if (waiting.length === 0) return null;
  const soon = Date.parse(reviewedAt) + 30_000;
  return toTimestamp(Math.max(...waiting.map(({ until }) => until?.getTime() ?? soon)));
}

function hashPlans(projects: readonly ProjectReview[]): string {
  const lines = projects.map(({ stack, plan }) => `${stack} ${plan?.hash ?? "broken"}\n`);
  return createHash("sha256").update(lines.join("")).digest("hex");
}
