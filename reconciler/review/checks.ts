import { describeWaiting } from "../../platform/policy/index.ts";
import { effects } from "../plan/index.ts";
import { planSummary } from "./headline.ts";
import type { TypeReport } from "./typecheck.ts";
import type { Check, CheckName, CheckState, Note, Preview, Problem, ProjectReview } from "./types.ts";

/** What the five required statuses say. Pure. */

const check = (state: CheckState, summary: string): Check => ({ state, summary });
const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

export function checkOfTypes(report: TypeReport, files: number): Check {
  switch (report.kind) {
    case "ok":
      return check("success", files === 0 ? "no declaration changes" : `${count(files, "file")}, no type errors`);
    case "failed":
      return check("error", report.message);
    case "problems": {
      const [first] = report.problems;
      const where = first === undefined ? "" : `: ${first.file}:${first.line}:${first.column}`;
      return check("failure", `${count(report.problems.length, "type error")}${where}`);
    }
  }
}

export function checkOfPlan(
  projects: readonly ProjectReview[],
  problems: readonly Problem[],
  notes: readonly Note[],
): Check {
  const refusing = notes.filter((note) => note.check === "plan" && note.severity === "error");
  const blocked = projects.flatMap(({ plan }) => plan?.blocked ?? []);
  const [problem] = problems;
  if (problem !== undefined)
    return check("failure", `${count(problems.length, "problem")}: ${problem.file}:${problem.line} ${problem.message}`);
  if (refusing[0] !== undefined) return check("failure", refusing[0].message);
  if (blocked[0] !== undefined)
    return check("failure", `${count(countBlocked(projects), "step")} blocked: ${blocked[0].message}`);
  const risks = projects.map(({ plan }) => plan?.risk ?? "none");
  const risk = effects.findLast((effect) => effect !== "online" && risks.includes(effect));
  return check("success", `${planSummary({ projects })}${risk === undefined ? "" : `, ${risk.replace("-", " ")}`}`);
}

/** A step that is blocked for two reasons is one step; a project's own change counts as one too. */
const countBlocked = (projects: readonly ProjectReview[]): number =>
  projects.reduce((sum, { plan }) => {
    const own = (plan?.blocked ?? []).map(({ database }, i) => (database === null ? i : database));
    return sum + new Set(own).size;
  }, 0);

export function checkOfPolicy(projects: readonly ProjectReview[], notes: readonly Note[]): Check {
  const [refusal, ...more] = notes.filter((note) => note.check === "policy" && note.severity === "error");
  if (refusal !== undefined)
    return check("failure", `${refusal.message}${more.length === 0 ? "" : ` and ${more.length} more`}`);
  if (isBroken(projects)) return notChecked;
  const findings = projects.flatMap(({ policy }) => policy);
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors[0] !== undefined) return check("failure", `${count(errors.length, "finding")}: ${errors[0].message}`);
  const [waiting] = projects.flatMap((project) => project.waiting);
  if (waiting !== undefined) return check("pending", describeWaiting(waiting));
  const approvals = notes.filter(({ severity }) => severity === "warn").map(({ hint }) => hint);
  const warnings = findings.length === 0 ? "" : `, ${count(findings.length, "warning")}`;
  return check("success", approvals.length > 0 ? approvals.join(" ") : `allowed${warnings}`);
}

export function checkOfQuota(projects: readonly ProjectReview[]): Check {
  if (isBroken(projects)) return notChecked;
  const rows = projects.flatMap(({ stack, quota }) => (quota?.rows ?? []).map((row) => ({ stack, ...row })));
  const over = rows.filter(({ ok }) => !ok);
  if (over.length > 0)
    return check(
      "failure",
      `above the limit: ${over.map(({ stack, resource }) => `${resource} of ${stack}`).join(", ")}`,
    );
  const fullest = rows.toSorted((a, b) => b.after / b.limit - a.after / a.limit)[0];
  if (fullest === undefined) return check("success", "nothing to count");
  const percent = Math.round((fullest.after / fullest.limit) * 100);
  return check("success", `fits: ${fullest.resource} of ${fullest.stack} is the fullest with ${percent} %`);
}

export function checkOfPreview(projects: readonly ProjectReview[], refused: boolean): Check {
  if (refused) return check("failure", "not run: the plan is refused");
  const previews = projects.map(({ preview }) => preview);
  const failed = previews.find((preview): preview is Preview & { kind: "failed" } => preview.kind === "failed");
  if (failed !== undefined) return check("failure", failed.message);
  if (previews.some(({ kind }) => kind === "pending")) return check("pending", "previewing with Pulumi");
  const done = previews.flatMap((preview) => (preview.kind === "done" ? [preview.summary] : []));
  const [skipped] = previews.flatMap((preview) => (preview.kind === "skipped" ? [preview.reason] : []));
  if (done.length === 0) return check("success", skipped ?? "nothing to preview");
  return check("success", done.length === 1 ? (done[0] ?? "") : `${count(done.length, "stack")} previewed`);
}

export function verdictOf(checks: Readonly<Record<CheckName, Check>>): CheckState {
  const states = Object.values(checks).map(({ state }) => state);
  // What is refused is refused for good: only another push changes it, however often a broken check were tried again.
  const worst: readonly CheckState[] = ["failure", "error", "pending"];
  return worst.find((state) => states.includes(state)) ?? "success";
}

const notChecked = check("failure", "not checked: a declaration does not evaluate");
const isBroken = (projects: readonly ProjectReview[]): boolean => projects.some(({ kind }) => kind === "broken");
