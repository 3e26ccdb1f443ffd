/**
 * The data API's HTTP server: takes requests, hands each to `answerTo`, writes what comes back, counts it, and goes down without
 * cutting anybody off.
 *
 * 1. Nobody can keep it busy by being slow: headers, the whole request and an idle connection have their time.
 * 2. Health is answered without a look at any database.
 * 3. A request is counted when it was let in (docs/data-api.md), once, also when its client has gone.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { makeDoor, noTracer, noteSpan, outsideSpans, type Tracer } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { makeHttpsServer, type ServingTls } from "../tls/index.ts";
import { type Account, plainAddress } from "../wire/index.ts";
import { type AnswerDeps, answerOfFault, answerTo, type Findings } from "./answer.ts";
import { readBody } from "./body.ts";
import { apiPortTaken } from "./errors.ts";
import { openRealtime, realtimePrefix } from "./realtime.ts";
import { nothingHere } from "./refusal.ts";
import { type Route, routeOf } from "./route.ts";
import { type Feed, stream } from "./streams.ts";
import type { Answer, Asked } from "./types.ts";

export type WebServer = {
  /** @throws NEB770 when the port is taken. Port 0 takes any; the answer is the one it got. */
  listen(port: number, host: string): Promise<number>;
  /** Takes no more connections, ends idle ones, the others with the answer that they wait for, and at the limit all of them. */
  close(limitMs?: number): Promise<void>;
};

export type WebServerOptions = AnswerDeps & {
  /** Host names under it are databases. */
  readonly domain: string;
  /** Absent: in clear. */
  readonly tls?: ServingTls;
  /** Where a database's requests and bytes are counted. */
  readonly account: (id: DatabaseId) => Account;
  /** Whoever else answers below a database (the SQL endpoint); false: not theirs. */
  readonly elsewhere?: (request: IncomingMessage, response: ServerResponse, route: DatabaseRoute) => Promise<boolean>;
  readonly connections?: number;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
  /** Changed rows of the databases; absent: nobody can listen. */
  readonly changes?: Feed;
};

export type DatabaseRoute = Route & { readonly kind: "database" };

const waits = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000, maxHeaderSize: 32 * 1024 };
const idleMs = 120_000;

export function makeWebServer(options: WebServerOptions): WebServer {
  const streams: Streams = { open: new Map(), closing: new AbortController() };
  const running = new Set<ServerResponse>();
  let isClosing = false;
  const answered = inTrace(options.tracer ?? noTracer, (request, response) =>
    serve(options, streams, request, response),
  );
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    running.add(response);
    if (isClosing) endConnectionWith(response);
    response.once("close", () => {
      running.delete(response);
      if (isClosing) server.closeIdleConnections();
    });
    void answered(request, response);
  };
  const server: Server =
    options.tls === undefined ? createServer(waits, onRequest) : makeHttpsServer(options.tls, waits, onRequest);
  server.timeout = idleMs;
  server.maxConnections = options.connections ?? 10_000;
  server.on("clientError", (_problem, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    setTimeout(() => socket.destroy(), 1000).unref();
  });
  return {
    listen: (port, host) => listen(server, port, host),
    async close(limitMs = 0) {
      streams.closing.abort();
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      isClosing = true;
      server.closeIdleConnections();
      for (const response of running) endConnectionWith(response);
      const cut = setTimeout(() => server.closeAllConnections(), limitMs);
      await ended;
      clearTimeout(cut);
    },
  };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What is asked names tables and filters: only the door it came by stands in the span. */
function inTrace(tracer: Tracer, handle: Handler): Handler {
  if (!tracer.on) return handle;
  const door = makeDoor(tracer);
  return (request, response) => {
    const method = request.method ?? "GET";
    const wish = { name: `gateway ${method}`, kind: "server", facts: { "http.request.method": method } } as const;
    return door(wish, request.headers.traceparent, async (span) => {
      await handle(request, response);
      span.note({ "http.response.status_code": response.statusCode });
    });
  };
}

/** Its answer says so, and its client asks the next one elsewhere. */
function endConnectionWith(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}

/** They end when the server goes down; their clients come back with the number of what they saw last. */
type Streams = {
  /** How many, by database. */
  readonly open: Map<string, number>;
  readonly closing: AbortController;
};

async function serve(
  options: WebServerOptions,
  streams: Streams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const beganMs = performance.now();
  const findings: Findings = { counts: false, cached: false, stages: [] };
  const route = routeOf(request.url ?? "/", request.headers.host, options.domain);
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  try {
    if (route.kind === "database" && (await options.elsewhere?.(request, response, route)) === true) return;
    const isStream = route.kind === "database" && route.path.startsWith(realtimePrefix);
    const answer = isStream
      ? await listenTo(options, streams, { request, response, route }, findings)
      : await decide(options, request, route, findings);
    if (answer === undefined) return;
    write(request, response, answer);
    note(options, request, answer, findings, performance.now() - beganMs);
  } catch (thrown) {
    if (request.destroyed && !request.complete) return; // its client went away before it had said all
    const { answer, fault } = answerOfFault(thrown);
    if (fault !== undefined) {
      const where = findings.served === undefined ? "api" : `api ${findings.served.id}`;
      options.observe({ kind: "fault", where: "api.request", code: fault.code, message: `${where}: ${fault.message}` });
    }
    write(request, response, answer);
    note(options, request, answer, findings, performance.now() - beganMs);
  }
}

type Listening = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: DatabaseRoute;
};

/** undefined: it was a stream, and is over. */
async function listenTo(
  options: WebServerOptions,
  streams: Streams,
  { request, response, route }: Listening,
  findings: Findings,
): Promise<Answer | undefined> {
  const { changes: feed } = options;
  if (feed === undefined) return nothingHere();
  const asked = askedOf(request, route);
  const opening = await openRealtime({ ...options, feed }, { asked, route, open: streams.open }, findings);
  if (opening.kind === "answer") return opening.answer;
  const { served } = opening.options;
  note(options, request, { status: 200, headers: {}, body: Buffer.alloc(0) }, findings, 0);
  const { id } = served;
  streams.open.set(id, (streams.open.get(id) ?? 0) + 1);
  served.working += 1;
  try {
    const onSent = (bytes: number) => {
      options.account(served.id).bytesOut += bytes;
    };
    const sending = { ...opening.options, headers: opening.headers, onSent };
    // Hours of it are no part of a request's trace.
    await outsideSpans(() => stream(response, sending, streams.closing.signal));
  } finally {
    const left = (streams.open.get(id) ?? 1) - 1;
    if (left === 0) streams.open.delete(id);
    else streams.open.set(id, left);
    served.working -= 1;
  }
  return undefined;
}

const askedOf = (request: IncomingMessage, { path, query }: DatabaseRoute): Asked => ({
  method: request.method ?? "GET",
  ...{ path, query },
  headers: flat(request.headers),
  address: plainAddress(request.socket.remoteAddress),
});

function decide(
  options: WebServerOptions,
  request: IncomingMessage,
  route: Route,
  findings: Findings,
): Promise<Answer> {
  if (route.kind === "health") return Promise.resolve(healthy);
  if (route.kind === "nothing") return Promise.resolve(nothingHere());
  const asked = askedOf(request, route);
  return answerTo(options, { asked, route, body: (most) => readBody(request, most) }, findings);
}

const healthy: Answer = {
  status: 200,
  headers: { "content-type": "application/json", "cache-control": "no-store" },
  body: Buffer.from('{"status":"ok"}'),
};

function flat(headers: IncomingMessage["headers"]): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) all[name] = typeof value === "string" ? value : value.join(", ");
  return all;
}

const always = { "x-content-type-options": "nosniff", "cache-control": "no-cache" };

function write(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const silent = request.method === "HEAD" || status === 204 || status === 304;
  const length = status === 204 || status === 304 ? {} : { "content-length": body.length };
  // What was not read of a request that is refused is not waited for.
  const closes = request.complete ? {} : { connection: "close" };
  response.writeHead(status, { ...always, ...headers, ...length, ...closes });
  response.end(silent ? undefined : body);
}

function note(
  options: WebServerOptions,
  request: IncomingMessage,
  answer: Answer,
  findings: Findings,
  ms: number,
): void {
  const { served, caller, counts, cached, stages } = findings;
  if (served === undefined) return;
  if (options.tracer?.on) noteSpan({ "nebula.database": served.id, "nebula.cached": cached });
  if (counts) {
    const account = options.account(served.id);
    account.requests += 1;
    account.bytesOut += request.method === "HEAD" ? 0 : answer.body.length;
    account.bytesIn += Number(request.headers["content-length"] ?? 0);
  }
  options.observe({
    kind: "api.request",
    instance: served.id,
    method: request.method ?? "GET",
    status: answer.status,
    caller: caller?.kind ?? "nobody",
    cached,
    stages: Object.fromEntries(stages.map(({ name, ms: took }) => [name, took])),
    durationMs: ms,
  });
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const refused = (thrown: NodeJS.ErrnoException) =>
      reject(
        thrown.code === "EADDRINUSE" ? apiPortTaken(`port ${port} on ${host} is in use`, { cause: thrown }) : thrown,
      );
    server.once("error", refused).listen(port, host, () => {
      server.off("error", refused);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
