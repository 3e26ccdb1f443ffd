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
import { accessChanged, makeDirectory } from "../../platform/identity/index.ts";
import { makeLedgerSecrets } from "../../platform/keys/index.ts";
import { makeAudit, takeTokens } from "../../platform/store/index.ts";
import { metricsWord } from "../../platform/telemetry/index.ts";
import { inPostgres, makeServedMetrics, makeSource } from "../metrics/index.ts";
import { makeCallers } from "./callers.ts";
import { makeCrowd } from "./crowd.ts";
import { makeFileReader } from "./files.ts";
import { localGit, makeGitDesk } from "./git-desk.ts";
import { makeGitHealth } from "./git-health.ts";
import { onLoopback } from "./headers.ts";
import { makeLimiter } from "./leases.ts";
import { makePlaces } from "./places.ts";
import type { Portal } from "./portal.ts";
import { makeTouchedReader } from "./pulls/touched.ts";
import { routes } from "./routes.ts";
import { serveRoutes } from "./serve.ts";
import { makeWatched, type Watched, type Watching } from "./status/watching.ts";

export type { Gateway } from "./endpoints.ts";
export { portTaken } from "./errors.ts";
export { type GitDesk, type GitSettings, localGit, makeGitDesk } from "./git-desk.ts";
export { type Reachable, resolveReachable } from "./headers.ts";
export { defaultRules, parseRules, type Rules } from "./limits.ts";
export { openApi } from "./openapi.ts";
export { defaultLimits, type Limits, type Payments, type Portal } from "./portal.ts";
export { publicRoutes } from "./public.ts";
export { routes } from "./routes.ts";
export { drain, makeServer, type Patience, patience } from "./server.ts";
export { type AskHealth, type Component, type Components, makeComponents } from "./status/components.ts";
export { keepComponents } from "./status/keep-components.ts";
export type { Watching } from "./status/watching.ts";

/** What the API makes itself. */
type Own = "audit" | "gitHealth" | "touched" | "files" | "callers" | "directory" | "limiter" | "crowd" | "places";
/** What a portal on loopback need not say. */
type Optional = "payments" | "git" | "secrets" | "keyring" | "reachable" | "draining" | "gateway" | "figures";
export type ApiParts = Omit<Portal, Own | Optional> & Partial<Pick<Portal, Optional>>;

export function makeApi(parts: Omit<ApiParts, keyof Watched> & Watching): Express {
  const { sql, clock, closing } = parts;
  const directory = makeDirectory({ sql, clock });
  const callers = makeCallers(() => clock.monotonicMs(), directory.forget);
  const portal: Portal = {
    keyring: null,
    payments: null,
    gateway: null,
    secrets: makeLedgerSecrets(sql, parts.vault),
    figures: makeServedMetrics({
      ...{ observe: parts.observe, clock, second: inPostgres(sql) },
      source: makeSource({ sql, word: parts.vault.derive(metricsWord) }),
    }),
    reachable: onLoopback,
    draining: closing,
    git: makeGitDesk(parts.vault, localGit, parts.observe),
    ...parts,
    gitHealth: makeGitHealth(sql, clock),
    callers,
    directory,
    audit: makeAudit(sql, parts.vault),
    touched: makeTouchedReader(),
    files: makeFileReader(),
    crowd: makeCrowd(),
    places: makePlaces(parts.limits.openOperations),
    ...makeWatched(parts),
    limiter: makeLimiter({
      take: (key, budget) => takeTokens(sql, key, budget),
      monotonicMs: () => clock.monotonicMs(),
    }),
  };
  void forgetOnNotice(portal);
  return serveRoutes(routes, portal);
}

/** A notification only makes it sooner: what is remembered lives for a second at most. */
async function forgetOnNotice({ sql, clock, callers, closing }: Portal): Promise<void> {
  while (!closing.aborted) {
    try {
      await sql.listen(accessChanged, callers.forget);
      return;
    } catch {
      await clock.sleep(1000, closing);
    }
  }
}
