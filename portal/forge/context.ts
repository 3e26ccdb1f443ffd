import type { Clock, Observe, Vault } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import type { Dispatcher } from "./events/dispatcher.ts";
import type { Repositories } from "./git/repositories.ts";
import type { Urls } from "./urls.ts";

/** What the handlers share. Made once, in forge.ts. */
export type Context = {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly vault: Vault;
  readonly urls: Urls;
  readonly repositories: Repositories;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
};

export type Limits = {
  /** Of one pushed pack, inflated by git's own counting. */
  readonly pushBytes: number;
  /** Of one REST request's body. */
  readonly bodyBytes: number;
  readonly requestsPerHour: number;
  readonly hookTimeoutMs: number;
};

export const defaultLimits: Limits = {
  pushBytes: 50 * 1024 * 1024,
  bodyBytes: 40 * 1024 * 1024,
  requestsPerHour: 1_000_000,
  hookTimeoutMs: 10_000,
};

export const now = (context: Context): Date => new Date(context.clock.now());
