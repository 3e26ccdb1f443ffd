import type { Server } from "node:http";
import express, { type Express } from "express";
import {
  answerHealth,
  type Clock,
  drainUnread,
  type Health,
  ignoreObservations,
  type Observe,
  type Secret,
  systemClock,
  type UrlPolicy,
  type Vault,
} from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { type Bootstrap, makeBootstrap } from "./bootstrap.ts";
import { type Context, defaultLimits, type Limits } from "./context.ts";
import { makeDispatcher } from "./events/dispatcher.ts";
import { openRepositories } from "./git/repositories.ts";
import { serveSmartHttp } from "./git/smart-http.ts";
import { makeRestApp } from "./http/app.ts";
import { migrate } from "./migrations.ts";
import { allRoutes } from "./resources/index.ts";
import { refreshPulls } from "./rules/references.ts";
import { readAccounts } from "./store/accounts.ts";
import { allRepositories } from "./store/repositories.ts";
import { findToken, pruneTokens } from "./store/tokens.ts";
import { makeUrls } from "./urls.ts";

export type ForgeOptions = {
  /** Repositories lie in `<dataDir>/forge`. */
  readonly dataDir: string;
  /** A pool on the forge's own database. */
  readonly sql: Sql;
  /** Seals the secrets of hooks. */
  readonly vault: Vault;
  /** Without a trailing slash. Default: the address it listens on. */
  readonly publicUrl?: string;
  readonly clock?: Clock;
  readonly observe?: Observe;
  readonly limits?: Partial<Limits>;
  /** Whom webhooks may lead to. Default: this machine, and public addresses by https. */
  readonly hookPolicy?: UrlPolicy;
  /** What it says at /livez and /readyz, beside what a Git host is asked. Default: it is not asked. */
  readonly health?: Health;
};

export type Forge = {
  /** REST below /api/v3, git below /<owner>/<repository>.git. */
  readonly app: Express;
  readonly bootstrap: Bootstrap;
  /** Port 0 takes a free one. @returns the port. */
  listen(port: number, host?: string): Promise<number>;
  /** The base address; REST stands below `${url()}/api/v3`. */
  url(): string;
  /** Resolves when no webhook delivery waits or is in flight. */
  delivered(): Promise<void>;
  close(): Promise<void>;
};

/** Opens the forge: migrates its database, mends what a crash left, sends what was not sent. */
export async function makeForge(options: ForgeOptions): Promise<Forge> {
  const { dataDir, sql, vault, clock = systemClock, observe = ignoreObservations } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const hookPolicy = options.hookPolicy ?? { inside: ["127.0.0.1", "[::1]", "localhost"] };
  let base = options.publicUrl;
  const url = () => base ?? "http://127.0.0.1";
  await migrate(sql);
  const repositories = await openRepositories(dataDir, sql);
  const dispatcher = makeDispatcher({ sql, vault, clock, observe, limits, hookPolicy });
  const context: Context = { sql, vault, clock, observe, limits, repositories, dispatcher, urls: makeUrls(url) };
  await mend(context);
  const app = express().disable("x-powered-by");
  app.use(drainUnread);
  if (options.health !== undefined) serveHealth(app, options.health);
  app.use("/api/v3", makeRestApp(context, allRoutes));
  serveSmartHttp(app, context);
  app.use((_request, response) => void response.status(404).type("text/plain").end("Not Found\n"));
  let server: Server | undefined;
  return {
    app,
    url,
    bootstrap: makeBootstrap(
      context,
      async (token: Secret) => (await findToken(sql, token.reveal(), new Date(clock.now()))) !== undefined,
    ),
    delivered: () => dispatcher.idle(),
    async listen(port, host = "127.0.0.1") {
      server = await listening(app, port, host);
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      base ??= `http://${host}:${bound}`;
      await dispatcher.start();
      return bound;
    },
    async close() {
      await closed(server);
      await dispatcher.close();
      await repositories.close();
    },
  };
}

/** For whoever looks after the process; no Git host's API has these paths. */
function serveHealth(app: Express, health: Health): void {
  app.get(["/livez", "/readyz"], async (request, response) => {
    const answer = await answerHealth(health, request.path);
    response
      .status(answer?.status ?? 404)
      .type("application/json")
      .end(answer?.body);
  });
}

async function mend(context: Context): Promise<void> {
  await pruneTokens(context.sql, new Date(context.clock.now()));
  for (const repository of await allRepositories(context.sql)) {
    await context.repositories.create(repository);
    await refreshPulls(context, repository, async (pull) => {
      const author = (await readAccounts(context.sql, [pull.authorId])).get(pull.authorId);
      return author ?? repository.owner;
    });
  }
}

function listening(app: Express, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, host, (problem?: Error) => (problem ? reject(problem) : resolve(server)));
    server.requestTimeout = 600_000;
    server.keepAliveTimeout = 65_000; // longer than clients keep theirs, so that none writes into a connection that closes
  });
}

/** Lets running requests end for a moment, then cuts what is left. */
function closed(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (server === undefined) return resolve();
    const cut = setTimeout(() => server.closeAllConnections(), 3_000);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
