/** The npm package `pg`, as a tenant uses it. */
import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import type { GatewayGround } from "./ground.ts";

export type Login = pg.ClientConfig & {
  readonly ssl?: boolean | ConnectionOptions;
  readonly enableChannelBinding?: boolean;
  readonly replication?: string;
};

export const makeLogin =
  ({ port, wanted }: Pick<GatewayGround, "port" | "wanted">, password: string) =>
  (changes: Partial<Login> = {}): Login => ({
    ...{ host: "localhost", port, user: wanted.ownerRole, password, database: wanted.id },
    ssl: false,
    connectionTimeoutMillis: 60_000,
    ...changes,
  });

export async function withClient<T>(login: Login, body: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(login);
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await body(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
