/**
 * The SQL endpoint as HTTP, below a database's address: `POST sql/v1/run`, `/page`, `/end`, `/cancel`, for tokens of the portal. JSON in,
 * JSON out; what a statement did wrong is part of an answer of 200, what was not run is a problem (RFC 9457).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { asNebulaError, type Observe, reportFault, toProblem } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { outward } from "../keeper/index.ts";
import type { SqlDesk } from "./desk.ts";
import { sqlBadRequest, sqlTokenRefused } from "./errors.ts";
import type { VerifySqlToken } from "./token.ts";
import type { SqlCaller } from "./types.ts";

/** What the portal lets through is within these. */
export const sqlLimits = { maxRows: 10_000, maxBytes: 16_000_000, timeoutMs: 240_000, sqlLength: 1_000_000 } as const;
const longestBody = 8_000_000;

const runBody = z.strictObject({
  request: z.string().min(1).max(100),
  sql: z.string().max(sqlLimits.sqlLength),
  parameters: z.array(z.string().nullable()).max(1000),
  mode: z.enum(["read", "write"]),
  transaction: z.enum(["auto", "all", "each"]),
  explain: z.enum(["none", "plan", "analyze"]),
  maxRows: z.int().min(1).max(sqlLimits.maxRows),
  maxBytes: z.int().min(1).max(sqlLimits.maxBytes),
  timeoutMs: z.int().min(1).max(sqlLimits.timeoutMs),
  cursor: z.boolean(),
  timeZone: z.string().max(100).nullable(),
});
const cursorBody = z.strictObject({ cursor: z.string().max(200) });
const cancelBody = z.strictObject({ request: z.string().max(100) });

export type SqlHttpOptions = {
  readonly desk: SqlDesk;
  readonly verify: VerifySqlToken;
  /** Where a database's bytes are counted. */
  readonly account: (id: DatabaseId) => { bytesIn: number; bytesOut: number };
  readonly observe: Observe;
};

type Work = (desk: SqlDesk, caller: SqlCaller, body: unknown, gone: AbortSignal) => Promise<unknown>;

const works: Readonly<Record<string, Work>> = {
  "/sql/v1/run": (desk, caller, body, gone) => desk.run(caller, parsed(runBody, body), gone),
  "/sql/v1/page": (desk, caller, body, gone) => desk.page(caller, parsed(cursorBody, body).cursor, gone),
  "/sql/v1/end": async (desk, caller, body) => {
    await desk.endCursor(caller, parsed(cursorBody, body).cursor);
    return { ended: true };
  },
  "/sql/v1/cancel": async (desk, caller, body) => ({
    cancelled: desk.cancel(caller, parsed(cancelBody, body).request),
  }),
};

/** False: the path is not ours. `database`: what the address names, which must be what the token names. */
export type SqlHttp = (
  request: IncomingMessage,
  response: ServerResponse,
  route: { readonly path: string; readonly database: string | undefined },
) => Promise<boolean>;

export const makeSqlHttp =
  ({ desk, verify, account, observe }: SqlHttpOptions): SqlHttp =>
  async (request, response, { path, database }) => {
    if (!path.startsWith("/sql/")) return false;
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    request.socket.setTimeout(0); // a statement takes its time; the desk ends it
    try {
      const work = works[path];
      const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
      if (work === undefined || request.method !== "POST" || token === undefined)
        throw sqlTokenRefused("there is nothing here for this request");
      const caller = await verify(token);
      if (database !== caller.database) throw sqlTokenRefused("the token is for another database");
      const sent = await readBody(request);
      const length = send(response, 200, await work(desk, caller, parsedJson(sent), gone.signal));
      const counted = account(caller.database);
      counted.bytesIn += sent.length;
      counted.bytesOut += length;
    } catch (thrown) {
      const fault = asNebulaError(thrown);
      if (fault.status >= 500) reportFault(observe, "sql.request", thrown, database ?? "");
      send(response, fault.status, { ...toProblem(outward(fault)), retry: fault.retry });
    }
    return true;
  };

function send(response: ServerResponse, status: number, body: unknown): number {
  if (response.destroyed) return 0;
  const bytes = Buffer.from(JSON.stringify(body));
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type, "content-length": bytes.length, "cache-control": "no-store" });
  response.end(bytes);
  return bytes.length;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longestBody) throw sqlBadRequest("the body is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsedJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw sqlBadRequest("the body is not JSON", { cause });
  }
}

function parsed<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw sqlBadRequest(result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
}
