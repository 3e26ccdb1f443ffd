import pg from "pg";
import type { Secret } from "../core/index.ts";
import { clientConfig } from "./connect.ts";
import { translate } from "./errors.ts";
import { type Listen, makeListener } from "./listen.ts";
import { runOn, runTransaction, type Sql, toSql } from "./sql.ts";

export type PoolOptions = {
  readonly url: Secret;
  /** Connections at most; the listening one is not counted. */
  readonly max?: number;
  readonly applicationName: string;
  readonly statementTimeoutMs?: number;
};

export type Pool = Sql & { readonly listen: Listen; close(): Promise<void> };

/** Connections are opened when needed, given back after 10 s of idleness, and replaced when the server went away. */
export function makePool({ url, max = 8, applicationName, statementTimeoutMs = 30_000 }: PoolOptions): Pool {
  const pool = new pg.Pool({
    ...clientConfig(url, applicationName, statementTimeoutMs),
    max,
    idleTimeoutMillis: 10_000,
  });
  pool.on("error", () => undefined); // an idle connection was lost: the pool drops it, the next statement opens another
  // A connection can be lost between two who listen to it: when the server's last word arrives together with the end of a statement.
  // Nobody hearing it would end the process.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const listener = makeListener(url, applicationName);
  const sql = toSql(
    (text, params) => runOn(pool, text, params),
    async (body) => {
      const client = await pool.connect().catch((thrown) => {
        throw translate(thrown);
      });
      let broken = false;
      const onError = () => {
        broken = true;
      };
      client.on("error", onError);
      try {
        return await runTransaction(client, body);
      } finally {
        client.off("error", onError);
        client.release(broken || client.getTransactionStatus() !== "I");
      }
    },
  );
  let closing: Promise<void> | undefined;
  const close = async () => {
    await listener.close();
    await pool.end();
  };
  return {
    ...sql,
    listen: listener.listen,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Delivered at commit when inside a transaction. */
export async function notify(sql: Sql, channel: string, payload = ""): Promise<void> {
  await sql.query("select pg_notify($1, $2)", [channel, payload]);
}
