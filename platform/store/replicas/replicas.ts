import type { Sql } from "../../sql/index.ts";

export const replicaKinds = ["portal", "reconciler", "gateway", "forge"] as const;
export type ReplicaKind = (typeof replicaKinds)[number];

/** A process of the platform that beats. Its id is the holder that stands in its leases. */
export type Replica = {
  readonly id: string;
  readonly kind: ReplicaKind;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly address: string | null;
  readonly startedAt: Date;
  readonly lastSeenAt: Date;
  /** Seen within the last 15 seconds, by the database's clock. */
  readonly alive: boolean;
};

export type NewReplica = Pick<Replica, "id" | "kind" | "host" | "pid" | "version" | "address">;

/** After this long without a beat it does not count any more; after an hour it is forgotten. */
const aliveSeconds = 15;

const alive = `last_seen_at > clock_timestamp() - make_interval(secs => ${aliveSeconds})`;

export async function beatReplica(sql: Sql, replica: NewReplica): Promise<void> {
  await sql.query(
    `insert into replicas (id, kind, host, pid, version, address) values ($1, $2, $3, $4, $5, $6)
     on conflict (id) do update set last_seen_at = clock_timestamp(), version = excluded.version,
       address = excluded.address`,
    [replica.id, replica.kind, replica.host, replica.pid, replica.version, replica.address],
  );
}

export async function forgetReplica(sql: Sql, id: string): Promise<void> {
  await sql.query("delete from replicas where id = $1 or last_seen_at < clock_timestamp() - interval '1 hour'", [id]);
}

export const listReplicas = (sql: Sql): Promise<readonly Replica[]> =>
  sql.query<Replica>(
    `select id, kind, host, pid, version, address, started_at as "startedAt", last_seen_at as "lastSeenAt",
       ${alive} as alive
     from replicas order by kind, started_at, id`,
  );
