/**
 * `GET realtime/v1/<table>`: changed rows of one table as server-sent events, for who may read the data API.
 *
 * 1. A row is shown as the session reads it now, through the same engine, as the same role with the same claims: what row-level security,
 *    grants or the declaration hide is not shown. Of a row that it cannot read (any more) it learns the key, and only when this stream
 *    has shown it that row before.
 * 2. Whoever reads slowly is waited for, and cut off when that takes too long: it comes back with `Last-Event-ID`.
 * 3. Credentials are proved again each minute. A stream that is quiet keeps no database awake.
 */
import type { ServerResponse } from "node:http";
import { LRUCache } from "lru-cache";
import type { Change, Changes } from "../changes/index.ts";
import { readRows } from "./admit.ts";
import type { Served } from "./database.ts";
import type { Asked, Caller } from "./types.ts";

export type Feed = Pick<Changes, "position" | "read" | "follow">;

export type StreamOptions = {
  readonly feed: Feed;
  readonly served: Served;
  readonly caller: Caller;
  readonly asked: Asked;
  /** `schema.table`. */
  readonly relation: string;
  /** Below rest/v1. */
  readonly table: string;
  readonly wanted: StreamWanted;
  /** Whether who asks may still: asked each minute. */
  readonly stillMay: () => Promise<boolean>;
  readonly onFault: (thrown: unknown) => void;
  /** Beside the stream's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes that were sent. */
  readonly onSent: (bytes: number) => void;
};

export type StreamWanted = {
  readonly events: ReadonlySet<string>;
  /** As the data API takes them: which rows, and what of them. */
  readonly query: URLSearchParams;
  readonly after: string | undefined;
};

const heartbeatMs = 15_000;
const proveMs = 60_000;
const drainMs = 30_000;
const mostKeysKnown = 10_000;
const notFilters = new Set(["events", "limit", "offset", "order", "apikey"]);

/** undefined: it asks for what there is not. */
export function wantedOf({ query, headers }: Asked): StreamWanted | undefined {
  const all = new URLSearchParams(query);
  const events = new Set((all.get("events") ?? "insert,update,delete").split(","));
  const after = headers["last-event-id"];
  if (![...events].every((one) => ["insert", "update", "delete"].includes(one))) return undefined;
  if (after !== undefined && !/^\d{1,18}$/.test(after)) return undefined;
  const kept = new URLSearchParams([...all].filter(([name]) => !notFilters.has(name)));
  return { events, query: kept, after };
}

/** Until its client has gone, may no more, or reads too slowly. */
export async function stream(response: ServerResponse, options: StreamOptions, stop: AbortSignal): Promise<void> {
  const { feed, served, wanted } = options;
  const gone = new AbortController();
  const end = () => gone.abort();
  const write = writerTo(response, options.onSent, gone);
  const more = signal();
  const unfollow = feed.follow(served.id, more.set);
  const timers = [
    setInterval(() => void write(": \n\n"), heartbeatMs),
    setInterval(() => void options.stillMay().then((may) => may || end(), end), proveMs),
  ];
  response.once("close", end);
  stop.addEventListener("abort", end);
  gone.signal.addEventListener("abort", more.set);
  try {
    let at = wanted.after ?? (await feed.position(served.id));
    response.writeHead(200, {
      ...options.headers,
      ...{ "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
      ...{ "x-content-type-options": "nosniff", "x-accel-buffering": "no" },
    });
    const shown = new LRUCache<string, true>({ max: mostKeysKnown });
    await write(`retry: 2000\nid: ${at}\nevent: ready\ndata: {}\n\n`);
    while (!gone.signal.aborted) {
      more.clear();
      const { isKept, changes, upTo } = await feed.read(served.id, options.relation, at);
      if (!isKept) await write(eventText({ id: at, event: "gap", data: '{"lost":null}' }));
      for (const change of changes) {
        const event = await eventOf(options, change, shown);
        if (event === "unread") return;
        if (event !== undefined) await write(eventText(event));
        if (gone.signal.aborted) return;
      }
      at = upTo;
      if (changes.length === 0) await more.wait();
    }
  } catch (thrown) {
    if (!response.headersSent) throw thrown;
    if (!gone.signal.aborted) options.onFault(thrown);
  } finally {
    unfollow();
    stop.removeEventListener("abort", end);
    for (const timer of timers) clearInterval(timer);
    if (gone.signal.aborted && response.writableNeedDrain) response.destroy();
    else response.end();
  }
}

/** `data` is JSON. */
type Event = { readonly id: string; readonly event: string; readonly data: string };

/** undefined: it is not for this session. */
async function eventOf(
  options: StreamOptions,
  change: Change,
  shown: LRUCache<string, true>,
): Promise<Event | undefined | "unread"> {
  const { seq: id, op, key } = change;
  if (op === "gap") return { id, event: "gap", data: JSON.stringify({ lost: change.lost }) };
  if (key === null) return undefined;
  const { text: name } = key;
  const record = op === "delete" ? undefined : await readRow(options, key.values);
  if (record === "unread") return "unread";
  if (record !== undefined) {
    shown.set(name, true);
    return options.wanted.events.has(op) ? { id, event: op, data: `{"key":${name},"record":${record}}` } : undefined;
  }
  if (!shown.delete(name) || !options.wanted.events.has("delete")) return undefined;
  return { id, event: "delete", data: `{"key":${name}}` };
}

/** As the session sees it now; its text, unparsed, so that no number is rounded. */
async function readRow(
  options: StreamOptions,
  key: Readonly<Record<string, string>>,
): Promise<string | undefined | "unread"> {
  const query = new URLSearchParams(options.wanted.query);
  for (const [column, value] of Object.entries(key)) query.append(column, `eq.${value}`);
  const response = await readRows(options, query);
  if (response.status >= 500) return "unread"; // nobody knows whether it is there: who listens comes back and asks again
  const text = response.body.toString("utf8").trim();
  if (response.status !== 200 || !text.startsWith("[{")) return undefined;
  return text.slice(1, -1);
}

function eventText({ id, event, data }: Event): string {
  // JSON of Postgres may have line breaks between its parts, never inside a text
  return `id: ${id}\nevent: ${event}\ndata: ${data.replace(/[\r\n]+/g, " ")}\n\n`;
}

/** Returns when there is room for more; whoever makes none in time has gone. */
function writerTo(response: ServerResponse, onSent: (bytes: number) => void, gone: AbortController) {
  return async (text: string): Promise<void> => {
    if (gone.signal.aborted || !response.headersSent) return;
    onSent(Buffer.byteLength(text));
    if (response.write(text)) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => gone.abort(), drainMs);
      const done = () => {
        clearTimeout(late);
        gone.signal.removeEventListener("abort", done);
        response.off("drain", done);
        resolve();
      };
      gone.signal.addEventListener("abort", done);
      response.once("drain", done);
    });
  };
}

/** Set any time, also before somebody waits. */
function signal() {
  let isSet = false;
  let wake: (() => void) | undefined;
  return {
    set: () => {
      isSet = true;
      wake?.();
    },
    clear: () => {
      isSet = false;
    },
    wait: () =>
      new Promise<void>((resolve) => {
        if (isSet) resolve();
        else wake = resolve;
      }),
  };
}
