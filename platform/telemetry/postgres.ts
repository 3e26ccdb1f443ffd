import { asNebulaError } from "../core/index.ts";
import { type Sql, statementTimedOut } from "../sql/index.ts";
import type { Values } from "./catalogue.ts";
import { valuesFrom } from "./sample.ts";

/** Statements of clients that take longer than this are slow. */
export const slowMs = 500;

/** For each of two statements. A tenant can keep its own catalog locked: who looks holds the instance meanwhile, and goes away soon. */
const patience = { statement_timeout: "2s", lock_timeout: "500ms" };

/** Holds for the transaction: nothing is written, and only Postgres's own names are looked at. */
const rules = Object.entries({ search_path: "pg_catalog", transaction_read_only: "on", ...patience })
  .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
  .join(", ");

/**
 * What a running Postgres says of itself and of the database that is connected to, as its administrator: nothing that writes, no
 * statement's text. What a tenant has made under Postgres's own names is not called. `ours`: logins that are no client's. A schema that
 * is too large to be looked through in time costs its own figures alone.
 * @throws NEB913 when the server takes too long
 */
export async function readPostgres(sql: Sql, ours: readonly string[] = []): Promise<Values> {
  const ask = (statement: (version: number) => string, params: readonly unknown[]): Promise<Values> =>
    sql.tx(async (tx) => {
      const { version } = await tx.one<{ version: number }>(
        `select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version, ${rules}`,
      );
      return valuesFrom(await tx.one(statement(version), params));
    });
  const server = await ask(ofServer, [ours]);
  return { ...server, ...(await ask(ofSchema, []).catch(unlessLate)) };
}

function unlessLate(thrown: unknown): Values {
  if (asNebulaError(thrown).code !== statementTimedOut.definition.code) throw thrown;
  return {};
}

/** Goes through everything that a tenant has made: how long that takes is the tenant's doing. */
const ofSchema = (): string => `
  with scanned as (
    select coalesce(sum(seq_scan), 0)::float8 as "tableScans", coalesce(sum(idx_scan), 0)::float8 as "indexScans"
    from pg_stat_user_tables
  ), indexed as (
    select count(*) as "indexes",
      count(*) filter (where seen.idx_scan = 0 and not known.indisunique) as "unusedIndexes"
    from pg_stat_user_indexes seen join pg_index known using (indexrelid)
  )
  select scanned.*, indexed.*, pg_database_size(current_database()) as "dataBytes" from scanned, indexed`;

const ofServer = (version: number): string => `
  with client as (
    select state, wait_event_type, query_start, xact_start from pg_stat_activity
    where backend_type = 'client backend' and usename is distinct from current_user and (usename = any($1::name[])) is not true
  ), clients as (
    select count(*) as "connections",
      count(*) filter (where state = 'active') as "activeConnections",
      count(*) filter (where wait_event_type = 'Lock') as "waitingForLocks",
      count(*) filter (where state = 'active' and clock_timestamp() - query_start > interval '${slowMs} ms') as "slowQueries",
      coalesce(extract(epoch from clock_timestamp() - min(xact_start)), 0)::float8 as "oldestTransactionSeconds"
    from client
  ), counted as (
    select xact_commit + xact_rollback as "operations", xact_rollback as "rollbacks", blks_hit as "cacheHits",
      blks_read as "cacheMisses", deadlocks as "deadlocks", temp_bytes as "temporaryBytes"
    from pg_stat_database where datname = current_database()
  ), standbys as (
    select count(*) filter (where state = 'streaming') as "replicasHealthy",
      coalesce(extract(epoch from max(replay_lag)), 0)::float8 as "replicationLagSeconds"
    from pg_stat_replication where application_name not like 'pg_basebackup%'
  ), moved as (${bytesMoved(version)})
  select clients.*, counted.*, standbys.*, moved.*,
    current_setting('max_connections')::int as "connectionsLimit",
    (select failed_count from pg_stat_archiver) as "archiveFailures",
    (select count(*) from pg_ls_archive_statusdir() where name like '%.ready') as "archivePending"
  from clients, counted, standbys, moved`;

/** From 18 on in bytes, with the log; in 16 and 17 in operations of one size, and the log is counted elsewhere; 15 counts neither. */
function bytesMoved(version: number): string {
  if (version < 160000) return "select null as nothing";
  if (version < 180000)
    return `select coalesce(sum(reads * op_bytes), 0)::float8 as "diskReadBytes",
      (coalesce(sum((coalesce(writes, 0) + coalesce(extends, 0)) * op_bytes), 0)
        + (select wal_bytes from pg_stat_wal))::float8 as "diskWrittenBytes" from pg_stat_io`;
  return `select coalesce(sum(read_bytes), 0)::float8 as "diskReadBytes",
    (coalesce(sum(write_bytes), 0) + coalesce(sum(extend_bytes), 0))::float8 as "diskWrittenBytes" from pg_stat_io`;
}
