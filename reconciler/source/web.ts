import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import {
  answerHealth,
  asNebulaError,
  badConfig,
  type Check,
  type Health,
  type Metrics,
  makeHealth,
  noTracer,
  type Observe,
  registerHealthGauge,
  type Tracer,
  toProblem,
  traced,
} from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { gitHostsCheck, ledgerCheck, type RepositoryRow } from "../../platform/store/index.ts";
import { tracesOfFirst } from "./commit-trace.ts";
import type { Hosts } from "./hosts.ts";
import { type Happened, isDelivery, type Received, receiveHook } from "./receive-hook.ts";

/**
 * The reconciler's HTTP: POST /hooks/github, GET /metrics, /health, /ready, and what main.ts hands in. On loopback, without a framework.
 *
 * 1. Whoever is slow is cut, and bodies that are on their way together hold `mostBytes` at most: nobody has shown a signature yet.
 * 2. What is refused for want of room, or because the process stops, is not lost: the poll finds what the webhook would have said.
 * 3. /livez and /readyz are those of every process (docs/health.md); /health and /ready are their older names.
 */
export type Web = {
  /** Port 0 takes a free one. @returns the port. */
  listen(port: number): Promise<number>;
  /** Says that it is not ready any more, waits for the grace, lets what runs end, and cuts what does not. */
  close(): Promise<void>;
};

export type WebParts = {
  readonly sql: Sql;
  readonly hosts: Hosts;
  readonly metrics: Pick<Metrics, "render" | "gauge">;
  readonly observe: Observe;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
  readonly version: string;
  /** Told after the delivery was answered for; what it says is looked up, not believed. */
  readonly hint: (repository: RepositoryRow, happened: Happened) => void;
  /** Answers what this one does not know; undefined: nor does it. */
  readonly elsewhere?: (request: IncomingMessage) => Promise<Answer | undefined>;
  /** How long it still answers after it has said that it stops: balancers look away meanwhile. Default: 0. */
  readonly graceMs?: number;
  /** What its health is made of beside the ledger and the Git hosts. */
  readonly checks?: readonly Check[];
};

/** GitHub sends 25 MB at most. */
const longestBody = 25 * 1024 * 1024;
const mostBytes = 4 * longestBody;
const cutAfterMs = 5_000;

const waits = {
  ...{ requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 20_000, connectionsCheckingInterval: 1000 },
  maxHeaderSize: 16 * 1024,
};

export function makeWeb(parts: WebParts): Web {
  const state: State = { stopping: false, bytes: 0 };
  const checks = [ledgerCheck(parts.sql), gitHostsCheck(parts.sql), ...(parts.checks ?? [])];
  const health = makeHealth({
    ...{ process: "reconciler", version: parts.version, checks },
    serving: () => !state.stopping,
  });
  registerHealthGauge(parts.metrics, health);
  const server = createServer(waits, (request, response) => {
    response.setHeader("x-content-type-options", "nosniff").setHeader("cache-control", "no-store");
    answer({ ...parts, health }, state, request).then(
      ({ status, type = "application/json", body }) => {
        // A body that was not read to its end cannot be followed by another request.
        if (!request.complete || state.stopping) response.setHeader("connection", "close");
        if (status === 503) response.setHeader("retry-after", "1");
        response.writeHead(status, { "content-type": type }).end(body);
      },
      (thrown) => {
        const error = asNebulaError(thrown);
        if (error.retry) response.setHeader("retry-after", "1");
        const type = "application/problem+json";
        response.writeHead(error.status, { "content-type": type }).end(JSON.stringify(toProblem(error)));
      },
    );
  });
  server.maxConnections = 512;
  server.timeout = 60_000;
  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once("error", (cause: NodeJS.ErrnoException) =>
          reject(badConfig(cause.code === "EADDRINUSE" ? `port ${port} is taken` : cause.message, { cause })),
        );
        server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
      }),
    async close() {
      state.stopping = true;
      if (!server.listening) return;
      if (parts.graceMs) await new Promise((resolve) => setTimeout(resolve, parts.graceMs));
      await new Promise<void>((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), cutAfterMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}

type Answer = { readonly status: number; readonly type?: string; readonly body: string };
/** `bytes`: of bodies that are being read. */
type State = { stopping: boolean; bytes: number };
const said = (status: number, text: string): Answer => ({ status, body: JSON.stringify({ status: text }) });

type Answering = WebParts & { readonly health: Health };

/** /health and /ready are the names that these had before. */
async function answer(parts: Answering, state: State, request: IncomingMessage): Promise<Answer> {
  switch (`${request.method} ${request.url?.split("?")[0]}`) {
    case "GET /health":
    case "GET /livez":
      return { status: 200, body: JSON.stringify(parts.health.live()) };
    case "GET /ready":
    case "GET /readyz":
      return (await answerHealth(parts.health, "/readyz")) ?? said(404, "not found");
    case "GET /metrics": {
      const { contentType, body } = await parts.metrics.render();
      return { status: 200, type: contentType, body };
    }
    case "POST /hooks/github":
      return receive(parts, state, request);
    default:
      return (await parts.elsewhere?.(request)) ?? said(404, "not found");
  }
}

/** Answers before anything is done: the host waits ten seconds at most, and the poll looks anyway. */
async function receive(parts: WebParts, state: State, request: IncomingMessage): Promise<Answer> {
  const { sql, hosts, observe } = parts;
  const beganMs = Date.now();
  if (!isDelivery(request.headers)) {
    observe({ kind: "webhook.received", event: "other", verdict: "refused" });
    return said(401, "refused");
  }
  const body =
    Number(request.headers["content-length"] ?? 0) > longestBody ? "too large" : await readBody(state, request);
  if (body === "too large") return said(413, body);
  if (body === "busy") return said(503, body);
  const received = await receiveHook(sql, hosts, { headers: request.headers, body });
  observe({ kind: "webhook.received", event: received.event, verdict: received.kind });
  if (received.kind === "refused") return said(401, "refused");
  if (received.kind === "accepted") await passOn(parts, received, beganMs);
  return said(202, received.kind);
}

/** What follows from it belongs to the trace of its commit. A commit that nobody traced has none yet: its review begins one. */
async function passOn(
  parts: WebParts,
  { event, repository, happened, commits }: Extract<Received, { kind: "accepted" }>,
  beganMs: number,
): Promise<void> {
  const { hint, tracer = noTracer } = parts;
  const pass = () => void setImmediate(() => hint(repository, happened));
  if (!tracer.on || happened.kind === "nothing") return pass();
  const [parent = null] = await tracesOfFirst(parts, repository.id, [commits]).catch(() => []);
  if (parent === null) return pass();
  const [commit = ""] = commits;
  const facts = { "nebula.repository": `${repository.owner}/${repository.name}`, "nebula.commit": commit };
  traced(tracer, { name: `webhook ${event}`, kind: "consumer", parent, beganMs, facts }, pass);
}

async function readBody(state: State, request: IncomingMessage): Promise<Buffer | "too large" | "busy"> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      state.bytes += chunk.length;
      if (size > longestBody) return "too large";
      if (state.bytes > mostBytes) return "busy";
    }
    return Buffer.concat(chunks);
  } finally {
    state.bytes -= size;
  }
}
