export {
  isPast,
  listFailedBranches,
  listOverdueBranches,
  listPreviewBranches,
  recordBuried,
  recordEmptied,
  recordExpired,
} from "./branches.ts";
export {
  expiryOf,
  type Instance,
  type InstancePhase as InstanceRecordPhase,
  type StandbySeen,
  type StorageLevel,
  type StorageSeen,
  storageLevel,
} from "./instance.ts";
export {
  type ComputeSeen,
  forgetInstance,
  listPurgeable,
  type StandbysSeen,
  setComputeSeen,
  setInstancePhase,
  setStandbysSeen,
  setStorageSeen,
} from "./observe-instance.ts";
export { appliedDatabases, branchAges, getInstance, type InstanceFilter, listInstances } from "./read-instances.ts";
export {
  type InstanceChange,
  type NewInstance,
  recordInstance,
  recordRemoved,
  reserveInstance,
} from "./write-instance.ts";
