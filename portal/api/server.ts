import { createServer, type Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Express } from "express";
import { type NebulaError, toProblem } from "../../platform/core/index.ts";
import { headersTooLarge, malformed, requestTooSlow } from "./errors.ts";

/** How long the server waits for the other side, and how much it takes at a time. */
export type Patience = {
  readonly headersMs: number;
  /** From the first byte to the last one of a request. */
  readonly requestMs: number;
  /** A connection on which nothing moves, in either direction: also one whose owner does not read the answer. */
  readonly idleMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveMs: number;
  readonly headerBytes: number;
  readonly connections: number;
};

export const patience: Patience = {
  headersMs: 10_000,
  requestMs: 30_000,
  idleMs: 120_000,
  keepAliveMs: 20_000,
  headerBytes: 16 * 1024,
  connections: 4096,
};

/** An HTTP server that nobody can keep busy by being slow. What is no request is told so as a problem document. */
export function makeServer(app: Express, waits: Patience = patience): Server {
  const server = createServer(
    {
      headersTimeout: waits.headersMs,
      requestTimeout: waits.requestMs,
      keepAliveTimeout: waits.keepAliveMs,
      connectionsCheckingInterval: Math.min(1000, waits.headersMs / 4),
      maxHeaderSize: waits.headerBytes,
    },
    app,
  );
  server.timeout = waits.idleMs;
  server.maxConnections = waits.connections;
  server.on("clientError", refuse);
  return server;
}

function refuse(problem: NodeJS.ErrnoException, socket: Duplex): void {
  const answered = (socket as { _httpMessage?: { headersSent?: boolean } })._httpMessage?.headersSent === true;
  if (problem.code === "ECONNRESET" || !socket.writable || answered) return void socket.destroy();
  const error = errorOf(problem.code);
  const body = JSON.stringify(toProblem(error));
  socket.end(
    `HTTP/1.1 ${error.status} ${error.title}\r\nContent-Type: application/problem+json\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n${error.retry ? "Retry-After: 1\r\n" : ""}\r\n${body}`,
  );
  // Whoever does not read it either is not waited for.
  setTimeout(() => socket.destroy(), 1000).unref();
}

function errorOf(code: string | undefined): NebulaError {
  if (code === "HPE_HEADER_OVERFLOW") return headersTooLarge("the request's headers are larger than this server takes");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return requestTooSlow("the request did not arrive in time");
  return malformed("the bytes are not an HTTP/1.1 request");
}

export type Drain = {
  /** /ready says no from here on, while everything is still answered: balancers look away. */
  readonly draining: AbortController;
  /** Streams are told to come back. */
  readonly closing: AbortController;
  readonly graceMs: number;
  /** What is not answered by then is cut. */
  readonly timeoutMs: number;
};

/** Ends a server so that nobody who was let in notices; returns when its last connection is gone. */
export async function drain(server: Server, { draining, closing, graceMs, timeoutMs }: Drain): Promise<void> {
  draining.abort();
  if (graceMs > 0) await new Promise((resolve) => setTimeout(resolve, graceMs));
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  closing.abort();
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await ended;
  clearTimeout(cut);
}
