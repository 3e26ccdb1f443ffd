export { ensureState, pruneHistory, readCheckpoint, stateSchema, writeCheckpoint } from "./checkpoint.ts";
export { type CiRole, ensureCiRole, statePassphrase, statePurpose } from "./ci-role.ts";
export { holdFence, letGo, showFence } from "./fence.ts";
export { expireLease, type Lease, listLeases, listLiveLeases } from "./leases.ts";
export { type DeadLock, removeDeadLocks } from "./locks.ts";
export { operationOf } from "./operation-of.ts";
