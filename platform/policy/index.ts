/**
 * Policy: what a change may ask for. Owns quota arithmetic, the fleet's rules, and the rule that nothing disappears unasked.
 * Does not own the limits (fleet/, in Git), the effect of a change (reconciler/plan) or its price. Pure.
 *
 * 1. Authority is read from the base commit. `Granted` and `Authority` are made by `authorityAtBase` alone, from arguments
 *    named for the base; a head's fleet does not have that type.
 * 2. Quota counts `compute.max`, 2 GiB a unit, times the servers of a database. A retired database keeps its storage.
 * 3. A project's own ask narrows its quota and never widens it.
 * 4. A database may only vanish when the base says `retire: true`. A move or a rename is a deletion and says so.
 * 5. Retiring is the first step of deleting: the second waits for the fleet's grace time, and one commit deletes no more than the
 *    fleet's budget without an approval.
 * 6. Every finding is reported, each with a code, a sentence and a hint; what was wrong before and is untouched is a warning.
 */
export type { AtBase, Authority, Granted } from "./authority.ts";
export { authorityAtBase } from "./authority.ts";
export { checkPolicy } from "./check.ts";
export { deletionsWaiting, describeWaiting, pruneBudget, type Retired, type Waiting } from "./destroying.ts";
export * from "./errors.ts";
export type { PolicyFinding } from "./findings.ts";
export { quotaFindings } from "./findings.ts";
export { isPublicNetwork } from "./network.ts";
export type { QuotaReport, QuotaResource, QuotaRow } from "./quota.ts";
export { checkQuota, memberCount, memoryBytesPerUnit, narrowQuota, quotaUse } from "./quota.ts";
export { checkReach, staysInside } from "./reach.ts";
export type { Appeared } from "./removal.ts";
export { checkProjectDeleted, databasesAppearing } from "./removal.ts";
