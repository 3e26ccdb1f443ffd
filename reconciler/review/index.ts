/**
 * Review: what a pull request would do, said on the pull request, and how it ended once merged. Owns the review, its statuses,
 * comment and check run, automatic merges, and the report of deployments to the Git host. Does not own the plan
 * (reconciler/plan), prices, policies, the preview itself (reconciler/deploy) or who may merge (the portal, the Git host).
 *
 * 1. A review speaks of the merge of one head into one base. Rules - fleet, plans, quotas, members - are the base's, never the
 *    head's.
 * 2. It is a value first (`Review`, kept in the ledger), then rendered: statuses, comment and check run cannot disagree.
 * 3. Nothing that a head says is run here: text is evaluated in the sandbox and read by tsc, both in children without secrets.
 * 4. What was not shown, told or merged is found again from rows after any crash.
 * 5. An automatic merge names the head that was asked for and reviewed; nothing else is ever merged by it.
 */
export { commentMarker, renderComment } from "./comment.ts";
export { announceDeploys, deployContext, reportEndings } from "./endings.ts";
export * from "./errors.ts";
export { followPulls, mergeReady, noteState } from "./follow.ts";
export type { MigrationReview, Rehearser } from "./migrations.ts";
export { outcomeMarker, renderOutcome, type StackOutcome } from "./outcome.ts";
export type { Previewer } from "./previews.ts";
export { priceNotes } from "./price-notes.ts";
export { makeRehearser } from "./rehearse.ts";
export { makeReviewer, type Reviewer, type ReviewerParts } from "./reviewer.ts";
export { checkTypes, type TypeReport } from "./typecheck.ts";
export * from "./types.ts";
