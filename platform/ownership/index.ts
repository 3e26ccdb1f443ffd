/**
 * Ownership: whose a file of the tenant repository is, and who may change it. Owns the map from paths to rights, and what no pull
 * request may bring. Does not own roles (platform/identity), reading trees (platform/git), or how an author is found out
 * (reconciler/review). Pure.
 *
 * 1. Trees decide, never the Git host's list of files or a CODEOWNERS file: every path on either side of a change counts.
 * 2. What is not known to belong to a tenant belongs to the platform.
 * 3. An author whom nobody knows has no right at all.
 * 4. Review and portal ask the same functions.
 */
export * from "./errors.ts";
export { judgeChange, type OwnershipFinding, type TreeChange } from "./findings.ts";
export { type Author, mayMerge, mayPropose, personOf, type Touched, touchedBy, touchedPaths } from "./paths.ts";
export { skeletonOf } from "./skeleton.ts";
export { type ChangedFile, type StrangeFile, strangeFiles } from "./strange.ts";
