export { cancelOperation } from "./cancel-operation.ts";
export { type Claim, type ClaimOptions, claimOperation } from "./claim-operation.ts";
export { countOpenOperations } from "./count-open.ts";
export { enqueueOperation, type NewOperation } from "./enqueue-operation.ts";
export { appendEvent, type EventLevel, listEvents, type NewOperationEvent, type OperationEvent } from "./events.ts";
export { type Ending, finishOperation } from "./finish-operation.ts";
export { followsUnsettled } from "./follows-unsettled.ts";
export { heartbeat, type Pulse } from "./heartbeat.ts";
export {
  isProposed,
  mustBeAvailable,
  operationUnavailable,
  type ProposedType,
  proposedTypes,
  type WorkerType,
  workerTypes,
} from "./kinds.ts";
export {
  isEnded,
  type Operation,
  type OperationState,
  type OperationType,
  type Outcome,
  operationStates,
  operationTypes,
} from "./operation.ts";
export { getOperation, listOperations, type OperationFilter } from "./read-operations.ts";
export {
  listDeploysOfCommit,
  listNewestDeploys,
  listUnreportedOperations,
  markOperationReported,
} from "./report-operations.ts";
export { type OperationPatch, updateOperation } from "./update-operation.ts";
