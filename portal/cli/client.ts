import { pipeline } from "node:stream/promises";
import { CommandFailure, exitCodes, fromProblem } from "./failure.ts";
import { makeTokenSource } from "./session.ts";
import type { Connection } from "./settings.ts";
import { userAgent } from "./user-agent.ts";

export type Client = {
  readonly url: string;
  get<T>(path: string, query?: Query): Promise<T>;
  /** Also the ETag, for a change that must not overwrite somebody else's. */
  getWithTag<T>(path: string): Promise<{ readonly body: T; readonly tag: string }>;
  send<T>(
    method: "POST" | "PATCH" | "PUT" | "DELETE",
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<T>;
  /** Every item of a paged list. */
  all<T>(path: string, query?: Query): Promise<T[]>;
  text(path: string, query?: Query): Promise<string>;
  /** An answer of any length, as it comes. */
  stream(path: string, into: NodeJS.WritableStream): Promise<void>;
  /** Server-sent events after the one with id `after`, until the stream ends or `signal` aborts. */
  events(
    path: string,
    options?: { readonly after?: string | undefined; readonly signal?: AbortSignal },
  ): AsyncGenerator<StreamEvent>;
};

export type StreamEvent = { readonly id: string; readonly event: string; readonly data: unknown };

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The portal's API over HTTP. Every failure is a `CommandFailure` with the exit code that belongs to it. */
export function makeClient(connection: Connection): Client {
  const { url, session } = connection;
  const tokens = makeTokenSource(connection);
  type Init = { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal };

  async function ask(method: string, path: string, init: Init = {}) {
    const first = await askWith(await tokens.current(), method, path, init);
    const response =
      first.status === 401 && session !== undefined ? await askWith(await tokens.renew(), method, path, init) : first;
    if (response.ok) return response;
    const problem: unknown = await response.json().catch(() => ({}));
    throw fromProblem(response.status, problem as Record<string, unknown>);
  }
  const askWith = (token: string, method: string, path: string, init: Init) =>
    fetch(`${url}${path}`, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        accept: "application/json",
        "user-agent": userAgent(),
        ...callersTrace(),
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
        ...init.headers,
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
      ...(init.signal === undefined ? {} : { signal: init.signal }),
    }).catch((cause: unknown) => {
      throw new CommandFailure(`${url} does not answer: ${reason(cause)}`, {
        hint: "Is the platform running? `./nebula status` tells; `./nebula up` starts it.",
      });
    });
  const get = async <T>(path: string, query: Query = {}) =>
    (await (await ask("GET", withQuery(path, query))).json()) as T;
  return {
    url,
    get,
    async getWithTag<T>(path: string) {
      const response = await ask("GET", path);
      return { body: (await response.json()) as T, tag: response.headers.get("etag") ?? "*" };
    },
    async send<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const response = await ask(method, path, { body, headers });
      const text = await response.text();
      return (text === "" ? undefined : JSON.parse(text)) as T;
    },
    async all<T>(path: string, query: Query = {}) {
      const items: T[] = [];
      for (let cursor: string | undefined, first = true; first || cursor; first = false) {
        const page: { items: T[]; nextCursor?: string | null } = await get(path, { ...query, cursor });
        items.push(...page.items);
        cursor = page.nextCursor ?? undefined;
      }
      return items;
    },
    text: async (path, query = {}) => (await ask("GET", withQuery(path, query), { headers: { accept: "*/*" } })).text(),
    async stream(path, into) {
      const response = await ask("GET", path, { headers: { accept: "*/*" } });
      if (response.body) await pipeline(response.body, into, { end: false });
    },
    async *events(path, { after, signal } = {}) {
      const response = await ask("GET", path, {
        headers: { accept: "text/event-stream", ...(after === undefined ? {} : { "last-event-id": after }) },
        ...(signal ? { signal } : {}),
      });
      if (response.body) yield* parseEvents(response.body);
    },
  };
}

/** A pipeline that is traced says so in its environment, as W3C Trace Context has it; the portal goes on with its trace. */
const callersTrace = (): { readonly traceparent?: string } => {
  const { TRACEPARENT: traceparent = "" } = process.env;
  return /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent) ? { traceparent } : {};
};

async function* parseEvents(body: ReadableStream<Uint8Array>) {
  let buffer = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
    buffer += chunk;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) =>
        block
          .split("\n")
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).trimStart())
          .join("\n");
      const data = field("data");
      if (data === "") continue;
      yield { id: field("id"), event: field("event") || "message", data: JSON.parse(data) as unknown };
    }
  }
}

function withQuery(path: string, query: Query): string {
  const entries = Object.entries(query).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return entries.length === 0 ? path : `${path}?${new URLSearchParams(entries)}`;
}

function reason(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}

export const timedOut = (what: string, hint?: string): CommandFailure =>
  new CommandFailure(what, { exitCode: exitCodes.timeout, hint });
