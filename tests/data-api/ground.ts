/**
 * Ground for tests of the data API's dialect: a database with a schema that has everything the dialect speaks about, the engine over it with
 * a login of its own, and a thin HTTP server for the real client. The role comes in the header `x-role`.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { PostgrestClient } from "@supabase/postgrest-js";
import { type DataApi, makeDataApi, type RestResponse, type RestSettings } from "../../gateway/rest/index.ts";
import { type Observation, Secret, systemClock } from "../../platform/core/index.ts";
import { connectOnce, makeSessionPool, openSession, type SessionPool } from "../../platform/sql/index.ts";
import { type TestDatabase, testDatabase, testServer } from "../harness/postgres.ts";
import { roles, schema } from "./schema.ts";

// biome-ignore lint/suspicious/noExplicitAny: a schema without types, as the client's own documentation writes it
type Loose = any;
/** The real client; it speaks of PostgREST 13. */
export const Client = PostgrestClient<Loose, { PostgrestVersion: "13" }, Loose>;
export type Client = InstanceType<typeof Client>;

export type ApiGround = {
  readonly db: TestDatabase;
  readonly api: DataApi;
  readonly pool: SessionPool;
  readonly url: string;
  readonly observations: Observation[];
  /** The real client, as a role. */
  client(options?: { readonly role?: string; readonly schema?: string }): Client;
  ask(path: string, options?: Asked): Promise<Answered>;
  close(): Promise<void>;
};

export type Asked = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly role?: string;
};
export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Loose;
};

export const plainSettings: RestSettings = {
  schemas: ["public", "other"],
  maxRows: null,
  statementMs: 30_000,
  maxBytes: 10_000_000,
  allowTxEnd: true,
  aggregates: true,
  plans: true,
  exposed: ({ name }) => name !== "hidden",
};

export async function makeApiGround(
  changes: Partial<RestSettings> = {},
  sql: readonly string[] = [schema],
  max = 6,
): Promise<ApiGround> {
  const db = await testDatabase({ empty: true });
  await connectOnce((await testServer()).url, (sql) => sql.query(roles));
  for (const text of sql) await db.sql.query(text);
  const observations: Observation[] = [];
  const url = new URL(db.url.reveal());
  url.username = "nebula_api";
  url.password = "api";
  let api: DataApi | undefined;
  const pool = makeSessionPool({
    max,
    open: (onLost) =>
      openSession({
        ...{ url: new Secret(url.href), applicationName: "data-api test", onLost, listen: ["pgrst"] },
        onNotify: () => void api?.reload().catch(() => undefined),
      }),
    onFirst: () => api?.markStale(),
  });
  api = makeDataApi({
    lend: (body) => pool.lend(body),
    settings: { ...plainSettings, ...changes },
    observe: (observation) => void observations.push(observation),
    clock: systemClock,
  });
  const made = api;
  const server = await listen((request) => handle(made, request));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/rest/v1`;
  return {
    ...{ db, api, pool, url: address, observations },
    client: ({ role = "authenticated", schema: profile = "public" } = {}) =>
      new Client(address, { headers: { "x-role": role }, schema: profile }),
    ask: (path, options) => ask(address, path, options),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      api?.close();
      await pool.close();
      await db.close();
    },
  };
}

async function ask(
  address: string,
  path: string,
  { method = "GET", headers = {}, body, role = "authenticated" }: Asked = {},
) {
  const response = await fetch(`${address}${path}`, {
    method,
    headers: {
      "x-role": role,
      ...(typeof body === "string" ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

type Handle = (request: IncomingMessage) => Promise<RestResponse>;

function listen(answer: Handle): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, headers, body }) => response.writeHead(status, headers).end(body),
      (thrown) => response.writeHead(500).end(String(thrown)),
    );
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

async function handle(api: DataApi, request: IncomingMessage): Promise<RestResponse> {
  const [path = "", query = ""] = (request.url ?? "").split(/\?(.*)/s);
  const role = String(request.headers["x-role"] ?? "anon");
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const sub = request.headers["x-sub"];
  return api.handle(
    {
      method: request.method ?? "",
      path: path.replace(/^\/rest\/v1/, ""),
      query,
      headers,
      body: await buffer(request),
    },
    { role, claims: { role, ...(sub === undefined ? {} : { sub }) }, isAnonymous: role === "anon" },
  );
}
