/**
 * Deploy: claimed operations, each in a worker process of its own, under a fenced lease. The only door to Pulumi's Automation API.
 * Owns workers, supervision, recovery and previews. Does not own what is wanted (source), what a change does (plan), how a machine
 * is touched (platform/provider and compute), nor the project's status (reconcile.ts writes it, through `onEnded`).
 *
 * 1. Only the holder of the newest fence writes: to the ledger, to Pulumi's state (the database refuses), to machines (an effect holds
 *    the fence while it runs). A holder that lost it is killed.
 * 2. One operation at a time in a worker; a worker is a process group, and its end is complete.
 * 3. A lock is removed only under a newer fence than it was made under, or after its owner was reaped.
 * 4. A whole ProjectSpec is deployed, or nothing. A blocked plan touches nothing; deleting takes consent deployed before.
 * 5. A preview has nothing that it could write to.
 * 6. A worker never has the master key: it is lent what one job needs; no secret of the installation stands in an environment.
 */
export { type Decision, decide, runningSpec } from "./decide.ts";
export { type Deployer, type DeployerOptions, deployTypes, makeDeployer } from "./deployer.ts";
export * from "./errors.ts";
export { type JobLoan, type Lender, makeLender } from "./lend.ts";
export type { FromWorker, PulumiOutcome, PulumiStep, ToWorker } from "./messages.ts";
export { queueMigrations, runnable } from "./migrating.ts";
export type { Preview, PreviewRequest } from "./preview.ts";
