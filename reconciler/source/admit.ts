import {
  type Appeared,
  authorityAtBase,
  checkPolicy,
  checkProjectDeleted,
  checkQuota,
  describeWaiting,
  graceNotOver,
  quotaFindings,
  type Waiting,
} from "../../platform/policy/index.ts";
import {
  type Ages,
  type DeclarationProblem,
  type ProjectSpec,
  type SourceLocation,
  specHash,
  withoutOver,
} from "../../platform/spec/index.ts";
import type { FleetRow, ProjectRow } from "../../platform/store/index.ts";
import { planProject } from "../plan/index.ts";
import { changeRefused, declarationInvalid, declarationMissing, fleetUnusable } from "./errors.ts";

/** Why a text is not deployed, in one word; it becomes the project's reason. */
export type RefusedReason = "Invalid" | "Refused" | "DeclarationMissing" | "FleetUnusable";

export type Admission =
  | { readonly kind: "spec"; readonly spec: ProjectSpec; readonly hash: string }
  | {
      readonly kind: "refused";
      readonly reason: RefusedReason;
      readonly message: string;
      readonly problems: readonly DeclarationProblem[];
    };

/** What a text is held against. */
type Known = {
  readonly running: ProjectSpec | null;
  readonly fleet: FleetRow;
  readonly appeared: readonly Appeared[];
  /** Of its branches that are made: one that is over takes nothing of the quota. */
  readonly ages: Ages;
};

/**
 * Whether what Git says now may replace what runs. The review says the same before a merge; this holds for whatever reached the
 * default branch past it. `running` is what was applied last: nothing is lost because a text fails to render or vanishes.
 */
export function admit(
  spec: ProjectSpec,
  sources: Readonly<Record<string, SourceLocation>>,
  { running, fleet, appeared, ages }: Known,
): Admission {
  const authority = authorityAtBase({
    baseCommit: fleet.commit,
    baseFleet: fleet.fleet,
    baseTenant: fleet.tenants.find(({ tenant }) => tenant === spec.tenant) ?? null,
  });
  const findings = [
    ...planProject(running, spec).blocked,
    ...checkPolicy(spec, authority, running, appeared).filter(({ severity }) => severity === "error"),
    ...quotaFindings(
      checkQuota(withoutOver(spec, ages), authority.granted, running === null ? null : withoutOver(running, ages)),
    ),
  ];
  if (findings.length === 0) return { kind: "spec", spec, hash: specHash(spec) };
  const place = (database: string | null): SourceLocation =>
    (database === null ? undefined : sources[database]) ?? projectFile(spec);
  const problems = findings.map(({ database, code, message, hint }) => ({ ...place(database), code, message, hint }));
  return refused("Refused", changeRefused.definition.title, problems);
}

/** The folder is gone. That empties the project only where every database was retired before. */
export function admitMissing({ appliedSpec, wantedSpec, tenant, project }: ProjectRow): Admission | "forget" {
  const last = appliedSpec ?? wantedSpec;
  if (last === null || (appliedSpec !== null && appliedSpec.databases.length === 0)) return "forget";
  if (appliedSpec !== null && checkProjectDeleted(appliedSpec).length === 0) {
    const spec: ProjectSpec = { ...appliedSpec, databases: [] };
    return { kind: "spec", spec, hash: specHash(spec) };
  }
  const place = projectFile({ tenant, project });
  const { code, hint } = declarationMissing.definition;
  const names = last.databases.map(({ name }) => name).join(", ");
  const message = `tenants/${tenant}/${project} is gone while it has databases that are not retired: ${names}`;
  return refused("DeclarationMissing", message, [{ ...place, code, message, hint }]);
}

/** Databases vanish before their grace time is over. */
export function admitLater(
  project: { readonly tenant: string; readonly project: string },
  waiting: readonly Waiting[],
): Admission {
  const { code, hint, title } = graceNotOver.definition;
  const problems = waiting.map((one) => ({ ...projectFile(project), code, message: describeWaiting(one), hint }));
  return refused("Refused", `${title}: ${problems[0]?.message ?? ""}`, problems);
}

export const admitInvalid = (problems: readonly DeclarationProblem[]): Admission => {
  const [first] = problems;
  const rest = problems.length > 1 ? ` and ${problems.length - 1} more` : "";
  const where = first === undefined ? "" : `: ${first.file}:${first.line}:${first.column} ${first.message}${rest}`;
  return refused("Invalid", `${declarationInvalid.definition.title}${where}`, problems);
};

export const admitWithoutFleet = (problems: readonly DeclarationProblem[]): Admission =>
  refused("FleetUnusable", `${fleetUnusable.definition.title}: ${fleetUnusable.definition.hint}`, problems);

function refused(reason: RefusedReason, message: string, problems: readonly DeclarationProblem[]): Admission {
  return { kind: "refused", reason, message, problems };
}

const projectFile = ({ tenant, project }: { readonly tenant: string; readonly project: string }): SourceLocation => ({
  file: `tenants/${tenant}/${project}/project.ts`,
  line: 1,
  column: 1,
});
