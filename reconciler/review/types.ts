import type { Touched } from "../../platform/ownership/index.ts";
import type { PolicyFinding, QuotaReport, Waiting } from "../../platform/policy/index.ts";
import type { PriceDifference } from "../../platform/pricing/index.ts";
import type { DeclarationProblem, SourceLocation, StackName } from "../../platform/spec/index.ts";
import type { Plan } from "../plan/index.ts";
import type { MigrationReview } from "./migrations.ts";
import type { PlanLine } from "./plan-lines.ts";

/** The required statuses, in the order a reader meets them; the status context is `nebula/<name>`. */
export const checkNames = ["types", "plan", "policy", "quota", "preview"] as const;
export type CheckName = (typeof checkNames)[number];
export const contextOf = (check: CheckName): string => `nebula/${check}`;

export type CheckState = "pending" | "success" | "failure" | "error";
export type Check = { readonly state: CheckState /** One short sentence. */; readonly summary: string };

/** A problem with its place and the lines around it. */
export type Problem = DeclarationProblem & { readonly frame: string | null };

/** Something about the change as a whole: files that need somebody's approval, a conflict, a missing fleet. */
export type Note = {
  /** The required status that it belongs to. */
  readonly check: "plan" | "policy";
  readonly severity: "warn" | "error";
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly paths: readonly string[];
};

export type Preview =
  | { readonly kind: "pending" }
  | { readonly kind: "done"; readonly summary: string; readonly text: string }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

export type PreviewBranch = {
  readonly name: string;
  readonly of: string;
  /** Of a month at the most that it can use. */
  readonly monthMicros: number;
  readonly currency: string;
};

export type ProjectReview = {
  readonly stack: StackName;
  readonly tenant: string;
  readonly project: string;
  /** `same`: its text changed and means what it meant. `broken`: it does not evaluate, see `problems`. */
  readonly kind: "added" | "changed" | "removed" | "same" | "broken";
  /** Hash of the project's inputs after the merge; null when it is removed. */
  readonly tree: string | null;
  /** null when it is broken. */
  readonly plan: Plan | null;
  /** The plan in words. Absent: there is none, or an older version reviewed it. */
  readonly lines?: readonly PlanLine[];
  readonly price: PriceDifference | null;
  readonly quota: QuotaReport | null;
  readonly policy: readonly PolicyFinding[];
  /** Deletions whose grace time is not over. */
  readonly waiting: readonly Waiting[];
  readonly preview: Preview;
  /** Databases that are made for this pull request alone, while it is open. Absent: none. */
  readonly branches?: readonly PreviewBranch[];
  /** What migrations that have not run would do. Absent: there are none. */
  readonly migrations?: readonly MigrationReview[];
  /** Where each database stands in the head, for links. */
  readonly sources: Readonly<Record<string, SourceLocation>>;
};

/**
 * What NebulaDB thinks of a pull request, as JSON: kept in the ledger, served by the portal, rendered as statuses, comment and
 * check run. It speaks of exactly one head merged into exactly one base.
 */
export type Review = {
  readonly version: 1;
  /** `owner/name` */
  readonly repository: string;
  readonly number: number;
  readonly head: string;
  readonly base: string;
  /** Who asks, as far as it is known. */
  readonly author: string;
  /** What a merge needs, by the trees. */
  readonly touched: readonly Touched[];
  /** `pending` while only previews or a grace time are missing. */
  readonly verdict: CheckState;
  readonly checks: Readonly<Record<CheckName, Check>>;
  /** Only what the change touches, sorted by stack. */
  readonly projects: readonly ProjectReview[];
  /** Sum over the projects; null when nothing can be priced. */
  readonly price: {
    readonly currency: string;
    readonly beforeMicros: number;
    readonly afterMicros: number;
    readonly differenceMicros: number;
  } | null;
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
  /** Hash over the plans: what was reviewed, to be held against what is applied. */
  readonly planHash: string;
  /** RFC 3339 UTC: when the review would come out otherwise by itself. */
  readonly waitsUntil: string | null;
  /** RFC 3339 UTC. */
  readonly reviewedAt: string;
  readonly durationMs: number;
};
