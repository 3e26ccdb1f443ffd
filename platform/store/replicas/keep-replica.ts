import { hostname } from "node:os";
import { isProvedDead, type Observe, ourHolder, reportFault } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { beatReplica, forgetReplica, listReplicas, type NewReplica, type ReplicaKind } from "./replicas.ts";

export type KeptReplica = { readonly id: string; close(): Promise<void> };

/**
 * Says that this process is there, every 5 seconds until it is closed, and clears away who is proved dead. A beat that fails is tried
 * again at the next.
 */
export async function keepReplica(options: {
  readonly sql: Sql;
  readonly observe: Observe;
  readonly kind: ReplicaKind;
  readonly version: string;
  /** Where it serves. */
  readonly address: string | null;
  readonly id?: string;
  readonly heartbeatMs?: number;
}): Promise<KeptReplica> {
  const { sql, observe, kind, version, address, id = ourHolder(), heartbeatMs = 5_000 } = options;
  const replica: NewReplica = { id, kind, host: hostname(), pid: process.pid, version, address };
  const beat = () => beatReplica(sql, replica).catch((thrown) => reportFault(observe, "replica.beat", thrown));
  await beat();
  for (const other of await listReplicas(sql)) if (isProvedDead(other.id)) await forgetReplica(sql, other.id);
  let last: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    last = last.then(beat);
  }, heartbeatMs);
  return {
    id,
    async close() {
      clearInterval(timer);
      await last;
      await forgetReplica(sql, id).catch(() => undefined); // it stops beating all the same
    },
  };
}
