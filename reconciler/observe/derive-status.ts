import type { Outcome, ProjectStatus } from "../../platform/store/index.ts";

export type DerivedStatus = {
  readonly status: ProjectStatus;
  /** One word for machines. */
  readonly reason: string;
  readonly message: string;
};

type Ending = {
  readonly outcome: Outcome;
  /** Of the problem document, where there is one. */
  readonly problem?: { readonly code: string; readonly detail: string } | null;
  /** Databases of the project that should run and do not. */
  readonly failed?: readonly string[];
};

/** A project's status from how its newest operation ended. Pure; the only such rule. */
export function deriveStatus({ outcome, problem, failed = [] }: Ending): DerivedStatus {
  const said = problem === undefined || problem === null ? "" : `${problem.code}: ${problem.detail}`;
  switch (outcome) {
    case "applied":
    case "unchanged":
      return failed.length === 0
        ? { status: "Ready", reason: "Applied", message: "" }
        : { status: "Stalled", reason: "InstanceFailed", message: `not running: ${failed.join(", ")}` };
    case "retry":
      return { status: "Reconciling", reason: "Retrying", message: said };
    case "superseded":
      return { status: "Reconciling", reason: "Superseded", message: "a newer commit is being deployed" };
    case "blocked":
      return { status: "Stalled", reason: "Blocked", message: said };
    case "stalled":
      return { status: "Stalled", reason: "Failed", message: said };
    case "cancelled":
      return { status: "Stalled", reason: "Cancelled", message: "the deployment was cancelled; what runs is older" };
  }
}
