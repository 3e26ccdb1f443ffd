/**
 * Source: from a Git repository to what is wanted. Owns the mirrors, what changed, what Git says of each project, and the
 * queueing of deployments. Does not own how text becomes a spec (platform/evaluate), what may be asked for (platform/policy),
 * pull requests (reconciler/review) or deploying (reconciler/deploy).
 *
 * 1. Content decides, not events: a project changed when the hash of its inputs differs from the one last understood. A lost,
 *    doubled or late webhook changes nothing but the moment.
 * 2. Work is in proportion to what changed: one listing of the tree, one row a project, texts of the changed ones only.
 * 3. What does not render is never an empty set. A broken, vanished or refused declaration stalls its project, the last good one
 *    stays in force, and nothing is destroyed.
 * 4. The default branch only goes forward. A rewritten one stalls the repository until the old commit is back or approved.
 * 5. What is wanted and the operation that brings it about are written in one transaction.
 */

export { traceOf } from "./commit-trace.ts";
export * from "./errors.ts";
export { type AuthoritySpecs, readAuthority } from "./fleet.ts";
export { type Hosts, type HostsOptions, makeHosts } from "./hosts.ts";
export { type Mirrors, makeMirrors } from "./mirror.ts";
export { processChecks } from "./process-checks.ts";
export { makeProtectionWatch, type ProtectionWatch, weaknesses } from "./protection.ts";
export { type Delivery, type Happened, type Received, receiveHook } from "./receive-hook.ts";
export type { Recorded } from "./record.ts";
export { makeShare, type Share } from "./share.ts";
export {
  type DeclaredProject,
  declarationsFolder,
  pathsOf,
  readFiles,
  readSnapshot,
  type Snapshot,
} from "./snapshot.ts";
export type { SyncReport } from "./sync.ts";
export { type SourceParts, syncRepository } from "./sync.ts";
export { makeTurns, type Turns } from "./turns.ts";
export { evaluateProjects, readRetired, specOf } from "./understand.ts";
export { makeWatch, type Watch } from "./watch.ts";
export { makeWeb, type Web, type WebParts } from "./web.ts";
