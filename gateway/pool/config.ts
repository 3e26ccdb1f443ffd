/**
 * PgBouncer's files as text. Pure: equal wishes are equal bytes, so what differs is what changed. Every option below was looked up in
 * the documentation and the source of 1.24.1; where the two differ, the source decided.
 *
 * 1. A database is one line, found by its name alone, with a folder of its own as host: its door.
 * 2. Roles of different databases never mix: `auth_query` names the database, and PgBouncer keeps what it answers with that database.
 * 3. Nobody reaches the console or the responder's database over TCP.
 */
import { createHash } from "node:crypto";
import { computeSettings, type Gate } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { pooledName } from "./names.ts";

export type PoolerSettings = {
  /** Its own folder: configuration, logins, certificate. */
  readonly folder: string;
  /** Folder of the console's Unix socket. */
  readonly socketDir: string;
  /** Folder of the responder's Unix socket. */
  readonly responderDir: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly maxClients: number;
  readonly tls: boolean;
  readonly serverIdleSeconds: number;
};

export type PooledDatabase = { readonly gate: Gate; readonly doorDir: string };

/** One for each database, so that each has connections to the responder of its own, and nobody waits behind another's clients. */
export const authUserOf = (id: DatabaseId): string => `${authPrefix}${pooledName(id)}`;
export const authPrefix = "nebula-auth.";
export const consoleUser = "nebula-console";
/** No id has one dot, no endpoint's name has any. */
export const authDatabase = "nebula.gate";
export const doorPort = 5432;

/** The words of an `auth_query`; the user's name is its one parameter. */
export const authQuestion = (id: string): string => `verifier of ${id}`;
export const askedDatabase = (question: string): string | undefined => /^verifier of (\S+)$/.exec(question)?.[1];

export const filesOf = (folder: string) => ({
  ini: `${folder}/pgbouncer.ini`,
  hba: `${folder}/hba.conf`,
  users: `${folder}/userlist.txt`,
  certificate: `${folder}/server.pem`,
  key: `${folder}/server.key`,
});

const header = "; Written by NebulaDB; a change here is overwritten.\n";

export function renderIni(settings: PoolerSettings, databases: readonly PooledDatabase[]): string {
  const lines = Object.entries({ ...fixed(settings), ...changing(settings) }).map(
    ([key, value]) => `${key} = ${value}\n`,
  );
  const responder = `${authDatabase} = host=${settings.responderDir} port=${doorPort} dbname=gate pool_size=16\n`;
  return `${header}[pgbouncer]\n${lines.join("")}\n[databases]\n${responder}${databases.map(renderDatabase).join("")}`;
}

function renderDatabase({ gate, doorDir }: PooledDatabase): string {
  const { role, all } = poolSizes(gate.units);
  const parts = [
    `host=${doorDir} port=${doorPort} dbname=${gate.databaseName}`,
    `auth_dbname=${authDatabase} auth_user=${authUserOf(gate.id)} auth_query='${authQuestion(gate.id)}'`,
    `pool_size=${role} max_db_connections=${all}`,
  ];
  const { idleInTransactionSeconds, statementSeconds } = gate.limits;
  const set = [
    ...(idleInTransactionSeconds > 0
      ? [`idle_in_transaction_session_timeout = ${idleInTransactionSeconds * 1000}`]
      : []),
    ...(statementSeconds > 0 ? [`statement_timeout = ${statementSeconds * 1000}`] : []),
  ].map((setting) => `set ${setting}`);
  if (set.length > 0) parts.push(`connect_query='${set.join("; ")}'`);
  return `${pooledName(gate.id)} = ${parts.join(" ")}\n`;
}

/**
 * Server connections of one role, and of all roles together. Something is always left to the direct endpoint, whose sessions
 * nobody queues.
 */
export function poolSizes(units: number): { readonly role: number; readonly all: number } {
  const most = Number(computeSettings(units).max_connections);
  return { role: Math.max(8, Math.round(most * 0.3)), all: Math.max(12, Math.round(most * 0.6)) };
}

/** What a running PgBouncer takes only by a restart (CF_NO_RELOAD in its source). */
const fixed = ({ socketDir, addresses, port }: PoolerSettings): Record<string, string | number> => ({
  listen_addr: addresses.join(","),
  listen_port: port,
  listen_backlog: 4096,
  unix_socket_dir: socketDir,
  unix_socket_mode: "0700",
  // what a client sets of these is its own: PgBouncer sets it again on whichever server connection the client gets
  track_extra_parameters: "IntervalStyle,search_path,default_transaction_read_only",
});

export const fingerprintOf = (settings: PoolerSettings, version: string): string =>
  createHash("sha256")
    .update(JSON.stringify([version, fixed(settings)]))
    .digest("hex")
    .slice(0, 16);

function changing({ folder, maxClients, tls, serverIdleSeconds }: PoolerSettings): Record<string, string | number> {
  const files = filesOf(folder);
  return {
    pool_mode: "transaction",
    max_client_conn: maxClients,
    default_pool_size: 20,
    max_prepared_statements: 200,
    // Not run between transactions (it would cost each of them a round trip): what transaction pooling leaves behind is documented.
    server_reset_query: "DISCARD ALL",
    // a Unix socket says at once when the other side is gone
    server_check_query: "",
    // Connections nobody uses keep a database from sleeping; after this time PgBouncer itself lets go of them, without a race.
    server_idle_timeout: serverIdleSeconds,
    // and a connection that began at the door of a sleeping database stops passing through us
    server_lifetime: 120,
    server_connect_timeout: 30,
    server_login_retry: "0.2",
    query_wait_timeout: 30,
    client_login_timeout: 30,
    server_tls_sslmode: "disable",
    ignore_startup_parameters: "extra_float_digits",
    auth_type: "hba",
    auth_hba_file: files.hba,
    auth_file: files.users,
    admin_users: consoleUser,
    tcp_keepalive: 1,
    tcp_keepidle: 60,
    tcp_keepintvl: 15,
    tcp_keepcnt: 4,
    log_connections: 0,
    log_disconnections: 0,
    log_stats: 0,
    ...(tls
      ? { client_tls_sslmode: "allow", client_tls_cert_file: files.certificate, client_tls_key_file: files.key }
      : { client_tls_sslmode: "disable" }),
  };
}

const loopback = ["127.0.0.1/32", "::1/128"];

/**
 * Who may connect from where: from this machine to everything by SCRAM, from elsewhere to the databases whose allow-list says so,
 * and then with TLS.
 */
export function renderHba(databases: readonly PooledDatabase[]): string {
  const rows = [
    ["local", "pgbouncer", consoleUser, "password"],
    ["local", "all", "all", "reject"],
    ["host", `pgbouncer,"${authDatabase}"`, "all", "all", "reject"],
    ...loopback.map((cidr) => ["host", "all", "all", cidr, "scram-sha-256"]),
    ...databases.flatMap(({ gate }) =>
      gate.allowFrom.map((cidr) => ["hostssl", `"${pooledName(gate.id)}"`, "all", withMask(cidr), "scram-sha-256"]),
    ),
    ["host", "all", "all", "all", "reject"],
  ];
  return `${header.replace(";", "#")}${rows.map((row) => `${row.join(" ")}\n`).join("")}`;
}

const withMask = (cidr: string) => (cidr.includes("/") ? cidr : `${cidr}/${cidr.includes(":") ? 128 : 32}`);

/** The responder's password in clear, for PgBouncer to say; the console's as a verifier, for PgBouncer to check. */
export function renderUsers(
  secrets: { readonly auth: string; readonly consoleVerifier: string },
  databases: readonly PooledDatabase[],
): string {
  const authUsers = databases.map(({ gate }) => `"${authUserOf(gate.id)}" "${secrets.auth}"\n`);
  return `"${consoleUser}" "${secrets.consoleVerifier}"\n${authUsers.join("")}`;
}
