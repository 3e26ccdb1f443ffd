import { basename, dirname } from "node:path";
import pg from "pg";
import { Secret } from "../core/index.ts";
import { translate } from "./errors.ts";
import { type Sql, sqlOn } from "./sql.ts";
import { customTypes } from "./values.ts";

export type ConnectionTarget = {
  /** A host name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: Secret;
  readonly database: string;
  /** Settings of the session, as libpq's `options`: `-c name=value`. */
  readonly options?: string;
};

/** Host and port of a Postgres server's Unix socket, as `connectionUrl` takes them. */
export const socketAddress = (path: string): { readonly host: string; readonly port: number } => ({
  host: dirname(path),
  port: Number(basename(path).slice(".s.PGSQL.".length)),
});

/** `postgres://user:password@host:port/database`; a socket folder goes into `?host=`. */
export function connectionUrl({ host, port, user, password, database, options }: ConnectionTarget): Secret {
  const url = new URL(host.startsWith("/") ? "postgres://localhost" : `postgres://${bracketed(host)}`);
  url.port = String(port);
  url.username = encodeURIComponent(user);
  if (password !== undefined) url.password = encodeURIComponent(password.reveal());
  url.pathname = `/${encodeURIComponent(database)}`;
  if (host.startsWith("/")) url.searchParams.set("host", host);
  if (options !== undefined) url.searchParams.set("options", options);
  return new Secret(url.href);
}

const bracketed = (host: string) => (host.includes(":") ? `[${host}]` : host);

/**
 * The client settings of a connection URL. Parsed here and not by `pg`, which would fill gaps from PG* variables.
 * @throws TypeError when it is no Postgres URL, or names no user or database.
 */
export function clientConfig(url: Secret, applicationName: string, statementTimeoutMs?: number): pg.ClientConfig {
  const parsed = URL.parse(url.reveal());
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) throw new TypeError("not a postgres:// address");
  const database = decodeURIComponent(parsed.pathname.slice(1));
  const user = decodeURIComponent(parsed.username);
  if (user === "" || database === "") throw new TypeError("a postgres:// address must name a user and a database");
  const options = parsed.searchParams.get("options");
  return {
    host: parsed.searchParams.get("host") ?? decodeURIComponent(parsed.hostname).replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? 5432 : Number(parsed.port),
    user,
    password: () => decodeURIComponent(parsed.password),
    database,
    application_name: applicationName,
    types: customTypes,
    keepAlive: true,
    connectionTimeoutMillis: 5000,
    ssl: false,
    ...(options === null ? {} : { options }),
    ...(statementTimeoutMs === undefined ? {} : { statement_timeout: statementTimeoutMs }),
  };
}

/** Lends one connection to `body` and closes it afterwards. For short errands on databases that nobody keeps a pool for. */
export async function connectOnce<T>(
  url: Secret,
  body: (sql: Sql) => Promise<T>,
  { applicationName = "nebuladb", statementTimeoutMs }: { applicationName?: string; statementTimeoutMs?: number } = {},
): Promise<T> {
  const client = new pg.Client(clientConfig(url, applicationName, statementTimeoutMs));
  client.on("error", () => undefined); // the statement that runs into it reports it
  try {
    await client.connect();
  } catch (thrown) {
    await client.end().catch(() => undefined);
    throw translate(thrown);
  }
  try {
    return await body(sqlOn(client));
  } finally {
    await client.end().catch(() => undefined);
  }
}
