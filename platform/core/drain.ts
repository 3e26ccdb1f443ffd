import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * Middleware: what a refused request still sends is read and dropped. Node drops only bodies that nobody began to read; one that
 * was refused half-way would leave its rest in the connection, and the next request on it would never be heard.
 */
export function drainUnread(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (length === undefined && encoding === undefined) return next();
  response.once("finish", () => {
    if (request.complete) return;
    request.unpipe();
    request.resume();
  });
  next();
}
