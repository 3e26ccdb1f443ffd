export { type KeptReplica, keepReplica } from "./keep-replica.ts";
export {
  beatReplica,
  forgetReplica,
  listReplicas,
  type NewReplica,
  type Replica,
  type ReplicaKind,
  replicaKinds,
} from "./replicas.ts";
