import type { DeclarationProblem, ProjectSpec, StackName } from "../../spec/index.ts";

export type ProjectStatus = "Ready" | "Reconciling" | "Stalled";

export type ProjectRow = {
  readonly stack: StackName;
  readonly tenant: string;
  readonly project: string;
  readonly repository: string;
  /** The commit whose text this is. */
  readonly wantedCommit: string;
  /** Hash of the project's inputs at that commit. */
  readonly wantedTree: string;
  /** The newest declaration that evaluates; null when there never was one. */
  readonly wantedSpec: ProjectSpec | null;
  readonly wantedHash: string | null;
  /** Reviewed plans between what runs and what is wanted, oldest first; reconciler/plan's. null: not asked for. */
  readonly wantedReviews: readonly unknown[] | null;
  readonly appliedCommit: string | null;
  readonly appliedSpec: ProjectSpec | null;
  readonly appliedHash: string | null;
  readonly status: ProjectStatus;
  /** One word for machines, for example Applied, Invalid, DeclarationMissing. */
  readonly reason: string;
  readonly message: string;
  readonly problems: readonly DeclarationProblem[];
  readonly updatedAt: Date;
};

export const projectColumns = `stack, tenant, project, repository, wanted_commit as "wantedCommit",
  wanted_tree as "wantedTree", wanted_spec as "wantedSpec", wanted_hash as "wantedHash",
  wanted_reviews as "wantedReviews",
  applied_commit as "appliedCommit", applied_spec as "appliedSpec", applied_hash as "appliedHash", status, reason,
  message, problems, updated_at as "updatedAt"`;
