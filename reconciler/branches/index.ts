/**
 * Branches that begin or end without a commit: those whose time is over, and those of pull requests. Owns what is to be done about
 * them; does not own doing it (reconciler/deploy, operation BRANCH) nor what a branch is (platform/spec).
 *
 * 1. It only compares and queues: every effect runs as an operation, under the stack's fence.
 * 2. Nothing is queued twice: while an operation of a branch is under way, that branch is left alone.
 * 3. What failed is tried again after ten minutes, not at every pass.
 */
export { type BranchPass, makeBranchPass } from "./pass.ts";
export { type PreviewChange, previewChanges } from "./previews.ts";
