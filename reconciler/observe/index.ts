/**
 * Status: what the ledger says of instances against what the machine says, and a project's status from how its deployment ended.
 * Owns the status pass (every 30 s and on demand), self-healing starts, and the end of final copies. Does not own sizes and usage
 * (reconciler/usage), changes of instances (deployments), nor the writing of a project's status (reconcile.ts, the only place).
 *
 * 1. The machine is the truth about what runs, the ledger about what should: an instance that should run and does not is
 *    started; one that was paused or retired stays stopped.
 * 2. A pass never overrules a deployment: it writes a row only if that still says what the decision was made upon.
 * 3. Nothing is deleted here but final copies whose time is over.
 */

export { registerBackupGauge } from "./backup-gauge.ts";
export { decide, type Verdict } from "./decide.ts";
export { type DerivedStatus, deriveStatus } from "./derive-status.ts";
export { purgeFinalCopies } from "./purge-final-copies.ts";
export { makeStatusPass, type StatusFinding, type StatusPass, type StatusReport } from "./status-pass.ts";
