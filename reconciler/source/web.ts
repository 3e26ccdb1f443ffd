import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { asNebulaError, badConfig, type Metrics, type Observe, toProblem } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import type { RepositoryRow } from "../../platform/store/index.ts";
import type { Hosts } from "./hosts.ts";
import { type Happened, isDelivery, receiveHook } from "./receive-hook.ts";

/** The reconciler's HTTP: POST /hooks/github, GET /metrics, /health, /ready. On loopback, without a framework. */
export type Web = {
  /** Port 0 takes a free one. @returns the port. */
  listen(port: number): Promise<number>;
  close(): Promise<void>;
};

export type WebParts = {
  readonly sql: Sql;
  readonly hosts: Hosts;
  readonly metrics: Pick<Metrics, "render">;
  readonly observe: Observe;
  readonly version: string;
  /** Told after the delivery was answered for; what it says is looked up, not believed. */
  readonly hint: (repository: RepositoryRow, happened: Happened) => void;
};

/** GitHub sends 25 MB at most. */
const longestBody = 25 * 1024 * 1024;

export function makeWeb(parts: WebParts): Web {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    answer(parts, request).then(
      ({ status, type = "application/json", body }) => {
        // A body that was not read to its end cannot be followed by another request.
        if (!request.complete) response.setHeader("connection", "close");
        response.writeHead(status, { "content-type": type }).end(body);
      },
      (thrown) => {
        const problem = toProblem(asNebulaError(thrown));
        response.writeHead(problem.status, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
      },
    );
  });
  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once("error", (cause: NodeJS.ErrnoException) =>
          reject(badConfig(cause.code === "EADDRINUSE" ? `port ${port} is taken` : cause.message, { cause })),
        );
        server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
      }),
    close: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Answer = { readonly status: number; readonly type?: string; readonly body: string };
const said = (status: number, text: string): Answer => ({ status, body: JSON.stringify({ status: text }) });

async function answer(parts: WebParts, request: IncomingMessage): Promise<Answer> {
  switch (`${request.method} ${request.url?.split("?")[0]}`) {
    case "GET /health":
      return { status: 200, body: JSON.stringify({ status: "ok", version: parts.version }) };
    case "GET /ready":
      await parts.sql.query("select 1");
      return said(200, "ready");
    case "GET /metrics": {
      const { contentType, body } = await parts.metrics.render();
      return { status: 200, type: contentType, body };
    }
    case "POST /hooks/github":
      return receive(parts, request);
    default:
      return said(404, "not found");
  }
}

/** Answers before anything is done: the host waits ten seconds at most, and the poll looks anyway. */
async function receive({ sql, hosts, hint, observe }: WebParts, request: IncomingMessage): Promise<Answer> {
  if (!isDelivery(request.headers)) {
    observe({ kind: "webhook.received", event: "other", verdict: "refused" });
    return said(401, "refused");
  }
  const body = Number(request.headers["content-length"] ?? 0) > longestBody ? undefined : await readBody(request);
  if (body === undefined) return said(413, "too large");
  const received = await receiveHook(sql, hosts, { headers: request.headers, body });
  observe({ kind: "webhook.received", event: received.event, verdict: received.kind });
  if (received.kind === "refused") return said(401, "refused");
  if (received.kind === "accepted") setImmediate(() => hint(received.repository, received.happened));
  return said(202, received.kind);
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > longestBody) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
