/**
 * The `nebula` Pulumi provider: a real one over gRPC (never a dynamic one, whose closures cost 38 s a run). Owns check, diff,
 * create, read, update, delete of `nebula:index:Database`. Does not own how a server is run (platform/compute), what the ledger
 * says (platform/store), or when to deploy (reconciler/deploy).
 *
 * 1. Every verb is idempotent, so that what a kill interrupted is done again.
 * 2. `diff` names every property that differs and nothing else; an unchanged database is untouched.
 * 3. `delete` refuses unless the machine says that the database was retired.
 * 4. No secret crosses the wire: outputs name the sealed credential.
 */
export { type BranchOperations, type BranchSource, expiredKeepSeconds, type MakeBranch } from "./branches.ts";
export { type DirectEffects, type DirectOptions, type EffectScope, makeDirectEffects } from "./direct.ts";
export type { DatabaseInputs, DatabaseOutputs, DatabaseRead, Effects } from "./effects.ts";
export * from "./errors.ts";
export { idOf, specOf, toInputs } from "./inputs.ts";
export type { MachineOperations } from "./operate.ts";
export { makeQueuedEffects, type QueuedOptions } from "./queued.ts";
export { type ServedProvider, serveProvider } from "./serve.ts";
export type { UpgradeInstance } from "./upgrades.ts";
