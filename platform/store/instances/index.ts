export type { Instance, InstancePhase as InstanceRecordPhase } from "./instance.ts";
export { appliedDatabases, getInstance, type InstanceFilter, listInstances } from "./read-instances.ts";
export {
  type InstanceChange,
  lockPorts,
  type NewInstance,
  portsTaken,
  recordInstance,
  recordRemoved,
  reserveInstance,
} from "./write-instance.ts";
