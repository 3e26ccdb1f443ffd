export { allocatePort, portsExhausted } from "./allocate-port.ts";
export type { Instance, InstancePhase as InstanceRecordPhase } from "./instance.ts";
export { forgetInstance, listPurgeable, setComputeState, setInstancePhase } from "./observe-instance.ts";
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
