/**
 * The reconciler's process. Wires by hand inside one scope, which releases in reverse order on SIGTERM: first nothing new is
 * begun, then what runs ends, then connections close. HTTP: POST /hooks/github, GET /metrics, /health, /ready.
 */

import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { makeLocalDriver } from "../platform/compute/index.ts";
import {
  asNebulaError,
  badConfig,
  choice,
  integer,
  type Metrics,
  makeLogger,
  makeMetrics,
  makeVault,
  type Observe,
  resolveConfig,
  type Scope,
  Secret,
  secret,
  systemClock,
  text,
  toProblem,
  withScope,
} from "../platform/core/index.ts";
import { makeEvaluator } from "../platform/evaluate/index.ts";
import { requireGit } from "../platform/git/index.ts";
import { makePool, type Sql } from "../platform/sql/index.ts";
import { migrate } from "../platform/store/index.ts";
import { makeDeployer } from "./deploy/index.ts";
import { makeStatusPass } from "./observe/index.ts";
import { makeReconciler, type Reconciler, recordOutcome } from "./reconcile.ts";
import { type Hosts, makeHosts, makeMirrors, receiveHook } from "./source/index.ts";
import { makeUsageWorker, observeWith, registerUsageGauges } from "./usage/index.ts";

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as {
  version: string;
};

const fields = {
  NEBULA_DATA: text(),
  NEBULA_PORT: integer(4400),
  NEBULA_LEDGER_URL: secret(),
  NEBULA_PG_BIN: text(),
  NEBULA_PULUMI_BIN: text(),
  NEBULA_DEPLOY_WORKERS: integer(2),
  NEBULA_POLL_SECONDS: integer(30),
  NEBULA_SAMPLE_SECONDS: integer(60),
  NEBULA_LOG_LEVEL: choice(["debug", "info", "warn", "error"], "info"),
};

async function run(scope: Scope): Promise<void> {
  const config = resolveConfig(process.env, fields);
  const masterKey = readMasterKey(process.env);
  if (process.argv.includes("--print-config")) return console.log(JSON.stringify(config, null, 2));
  const [dataDir, port, pgBin] = [config.NEBULA_DATA, config.NEBULA_PORT, config.NEBULA_PG_BIN];
  const metrics = makeMetrics("reconciler");
  const log = makeLogger("reconciler", config.NEBULA_LOG_LEVEL);
  const observe: Observe = (observation) => {
    log(observation);
    metrics.observe(observation);
  };
  const vault = makeVault(masterKey);
  const clock = systemClock;
  await requireGit();

  const ledgerUrl = config.NEBULA_LEDGER_URL;
  const sql = scope.add(makePool({ url: ledgerUrl, applicationName: "nebula-reconciler", max: 10 }), (pool) =>
    pool.close(),
  );
  await migrate(sql);
  const driver = scope.add(await makeLocalDriver({ dataDir, pgBin, vault, observe, spares: 0 }), (it) => it.close());
  const deployer = scope.add(
    await makeDeployer({
      ...{ sql, ledgerUrl, masterKey, dataDir, pgBin, observe, clock },
      pulumiBin: config.NEBULA_PULUMI_BIN,
      portBase: port + 100,
      concurrency: config.NEBULA_DEPLOY_WORKERS,
      onEnded: recordOutcome,
    }),
    (it) => it.close(),
  );
  const hosts = makeHosts(vault);
  const reconciler = scope.add(
    makeReconciler({
      ...{ sql, hosts, clock, observe },
      mirrors: scope.add(makeMirrors(join(dataDir, "mirror")), (it) => it.close()),
      evaluator: scope.add(makeEvaluator({ observe }), (it) => it.close()),
      preview: ({ spec }) => deployer.preview({ spec }),
      portalUrl: `http://127.0.0.1:${port}`,
      pollMs: config.NEBULA_POLL_SECONDS * 1000,
    }),
    (it) => it.close(),
  );
  const status = scope.add(makeStatusPass({ sql, driver, observe }), (it) => it.close());
  const usage = scope.add(
    makeUsageWorker({
      ...{ sql, clock, observe: observeWith(driver), report: observe },
      sampleEveryMs: config.NEBULA_SAMPLE_SECONDS * 1000,
    }),
    (it) => it.close(),
  );
  registerUsageGauges(metrics, sql, clock);
  await listen(scope, port + 3, handleWith({ sql, hosts, reconciler, metrics, observe }));
  await Promise.all([deployer.start(), reconciler.start()]);
  status.start();
  usage.start();

  observe({ kind: "process.started", process: "reconciler", version });
  console.log(JSON.stringify({ ready: true, process: "reconciler" }));
  observe({ kind: "process.stopping", process: "reconciler", reason: await stopSignal() });
}

type Web = {
  readonly sql: Sql;
  readonly hosts: Hosts;
  readonly reconciler: Reconciler;
  readonly metrics: Metrics;
  readonly observe: Observe;
};

/** GitHub sends 25 MB at most. */
const longestBody = 25 * 1024 * 1024;

function handleWith(web: Web): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(web, request).then(
      ({ status, type = "application/json", body }) => response.writeHead(status, { "content-type": type }).end(body),
      (thrown) => {
        const problem = toProblem(asNebulaError(thrown));
        response.writeHead(problem.status, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
      },
    );
  };
}

type Answer = { readonly status: number; readonly type?: string; readonly body: string };

async function answer(web: Web, request: IncomingMessage): Promise<Answer> {
  switch (`${request.method} ${request.url?.split("?")[0]}`) {
    case "GET /health":
      return { status: 200, body: JSON.stringify({ status: "ok", version }) };
    case "GET /ready":
      await web.sql.query("select 1");
      return { status: 200, body: JSON.stringify({ status: "ready" }) };
    case "GET /metrics": {
      const { contentType, body } = await web.metrics.render();
      return { status: 200, type: contentType, body };
    }
    case "POST /hooks/github":
      return receive(web, request);
    default:
      return { status: 404, body: JSON.stringify({ status: "not found" }) };
  }
}

/** Answers before anything is done: the host waits ten seconds at most, and looking is repeated by the poll anyway. */
async function receive({ sql, hosts, reconciler, observe }: Web, request: IncomingMessage): Promise<Answer> {
  const body = await readBody(request);
  if (body === undefined) return { status: 413, body: JSON.stringify({ status: "too large" }) };
  const received = await receiveHook(sql, hosts, { headers: request.headers, body });
  observe({ kind: "webhook.received", event: received.event, verdict: received.kind });
  if (received.kind === "refused") return { status: 401, body: JSON.stringify({ status: "refused" }) };
  if (received.kind === "accepted") reconciler.hint(received.repository, received.happened);
  return { status: 202, body: JSON.stringify({ status: received.kind }) };
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

async function listen(scope: Scope, port: number, handle: Parameters<typeof createServer>[1]): Promise<void> {
  const server: Server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, handle);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (problem: NodeJS.ErrnoException) =>
      reject(badConfig(problem.code === "EADDRINUSE" ? `port ${port} is taken` : problem.message, { cause: problem })),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  scope.add(server, () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

function readMasterKey(environment: NodeJS.ProcessEnv): Secret {
  const { NEBULA_MASTER_KEY: key, NEBULA_MASTER_KEY_FILE: file } = environment;
  if (key) return new Secret(key);
  if (file) return new Secret(readFileSync(file, "utf8").trim());
  throw badConfig("NEBULA_MASTER_KEY or NEBULA_MASTER_KEY_FILE is not set");
}

const stopSignal = (): Promise<string> =>
  new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });

try {
  await withScope(run);
  process.exit(0);
} catch (thrown) {
  const { code, message, hint } = asNebulaError(thrown);
  console.error(`${code} ${message}. ${hint}`);
  process.exit(1);
}
