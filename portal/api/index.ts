/**
 * The portal's HTTP API. Owns the route table, what stands before and behind every route, and what the API's words mean. Does
 * not own the ledger's rows (platform/store), the edits of declarations (portal/edit), who may do what (platform/identity), nor
 * anything that happens after a pull request is open: that is the reconciler's.
 *
 * 1. One table (`routes.ts`) gives validation, the OpenAPI document, authorisation, audit and rate headers.
 * 2. A write changes Git and nothing else: it answers 202 with a pull request and an operation. Only pause, resume and cancel
 *    act at once, and they are operations too.
 * 3. What a principal does not reach answers 404, whatever the method.
 * 4. Every change is audited, and every read of a secret, also when it is refused.
 * 5. An error is a problem document with code, sentence and hint; a 5xx says nothing about the inside.
 */
import type { Express } from "express";
import { makeFileReader } from "./files.ts";
import type { Portal } from "./portal.ts";
import { makeTouchedReader } from "./pulls/touched.ts";
import { routes } from "./routes.ts";
import { serveRoutes } from "./serve.ts";

export { portTaken } from "./errors.ts";
export { openApi } from "./openapi.ts";
export { defaultLimits, type Limits, type Portal } from "./portal.ts";
export { routes } from "./routes.ts";

/** What the caller brings; the rest the API makes itself. */
export type ApiParts = Omit<Portal, "touched" | "files">;

export const makeApi = (parts: ApiParts): Express =>
  serveRoutes(routes, { ...parts, touched: makeTouchedReader(), files: makeFileReader() });
