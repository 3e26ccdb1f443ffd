/**
 * Plan: what applying a project's next spec does, step by step, before anything is done. Owns the effect of every option and
 * what is blocked. Does not own whether it is allowed (platform/policy), its price, or doing it (reconciler/deploy). Pure.
 *
 * 1. A plan is a function of two specs (and of the bytes used, where they are known): the same wherever it is computed, so
 *    the hash that was reviewed can be held against the one that is about to be applied. The time of day only ever blocks, and
 *    only where it is passed in: in a review.
 * 2. Every difference between the specs is in exactly one change; an option that this room does not know is a restart, never
 *    nothing. Planning a spec against itself is empty.
 * 3. The order of databases and of lists in a declaration changes nothing.
 * 4. What loses data is blocked or says "data-loss"; a deletion passes only when the previous spec says `retire: true`, or is a
 *    branch: that is a copy.
 * 5. `applyPlan` of a plan is the spec that it was made for; `findUnreviewed` holds a plan against those that were reviewed.
 * 6. The hash covers what is done, not the words.
 */
export { applyPlan } from "./apply.ts";
export { deletesOf } from "./branches.ts";
export * from "./errors.ts";
export { planProject } from "./plan.ts";
export { findUnreviewed, type ReviewedPlan, type Unreviewed } from "./reviewed.ts";
export { describeChange, describeStep, summarisePlan } from "./text.ts";
export type { Block, Change, Effect, Facts, JsonValue, Plan, Risk, Step, StepKind } from "./types.ts";
export { effects } from "./types.ts";
