export { type KeptReplica, keepReplica } from "./keep-replica.ts";
export {
  beatReplica,
  countReplicas,
  forgetReplica,
  listReplicas,
  type NewReplica,
  type Replica,
  type ReplicaKind,
  replicaKinds,
} from "./replicas.ts";
