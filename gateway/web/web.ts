import { type Clock, guardedFetch, type Observe, type Tracer, type UrlPolicy } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Entered, Keeper } from "../keeper/index.ts";
import type { Directory } from "../wire/index.ts";
import { makeDocs } from "./docs.ts";
import { makeKeptAnswers } from "./kept-answers.ts";
import { makeKeySets } from "./key-sets.ts";
import type { Keys } from "./keys.ts";
import { makeGuesses } from "./limits.ts";
import { makeServedDatabases } from "./served.ts";
import { makeWebServer, type WebServer, type WebServerOptions } from "./server.ts";

export type DataWeb = WebServer;

export type DataWebOptions = Pick<WebServerOptions, "domain" | "tls" | "account" | "elsewhere" | "changes"> & {
  readonly dataDir: string;
  readonly directory: Directory;
  readonly keeper: Pick<Keeper, "enter">;
  readonly keys: Keys;
  /** Whom a tenant's declaration may have us ask for public keys. */
  readonly policy: UrlPolicy;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
  /** Wrong credentials of an address in a minute. */
  readonly guessesPerMinute?: number;
};

/** The whole of it, ready to listen. */
export function makeDataWeb(options: DataWebOptions): DataWeb {
  const { dataDir, directory, keeper, keys, clock, observe } = options;
  const fetchKeys = guardedFetch(options.policy, { timeoutMs: 5_000, maxBytes: 256 * 1024 });
  const databases = makeServedDatabases({
    ...{ dataDir, directory, keeper, clock, observe },
    keySets: makeKeySets({ fetch: fetchKeys, clock, observe }),
    onEntered: (id, entered, waitedMs) => noteWake(observe, id, entered, waitedMs),
  });
  const server = makeWebServer({
    ...{
      databases,
      keys,
      clock,
      observe,
      docs: makeDocs(),
      kept: makeKeptAnswers(),
      guesses: makeGuesses(options.guessesPerMinute),
    },
    ...{ domain: options.domain, account: options.account },
    ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.elsewhere === undefined ? {} : { elsewhere: options.elsewhere }),
    ...(options.changes === undefined ? {} : { changes: options.changes }),
  });
  return {
    listen: server.listen,
    async close(limitMs) {
      await server.close(limitMs);
      await databases.close();
    },
  };
}

function noteWake(observe: Observe, instance: DatabaseId, { wake }: Entered, totalMs: number): void {
  if (wake === null) return;
  const { kind: how, queuedMs, startMs, readyMs } = wake;
  observe({
    ...{ kind: "gateway.woke", instance, how, tries: 1, acceptMs: 0, queuedMs, startMs, readyMs },
    ...{ authMs: 0, firstRowMs: 0, totalMs },
  });
}
