/**
 * The reconciler's process. Wires by hand inside one scope, which releases in reverse order on SIGTERM: first nothing new is
 * begun, then what runs ends, then connections close. HTTP: POST /hooks/github, GET /metrics, /health, /ready.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeLocalDriver } from "../platform/compute/index.ts";
import {
  asNebulaError,
  badConfig,
  choice,
  integer,
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
  withScope,
} from "../platform/core/index.ts";
import { makeEvaluator } from "../platform/evaluate/index.ts";
import { requireGit } from "../platform/git/index.ts";
import { makePool } from "../platform/sql/index.ts";
import { requireSchema } from "../platform/store/index.ts";
import { makeDeployer } from "./deploy/index.ts";
import { makeStatusPass } from "./observe/index.ts";
import { makeReconciler, recordOutcome } from "./reconcile.ts";
import { makeHosts, makeMirrors, makeWeb } from "./source/index.ts";
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
  await requireSchema(sql);
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
  const web = makeWeb({ sql, hosts, metrics, observe, version, hint: reconciler.hint });
  await scope.add(web, (it) => it.close()).listen(port + 3);
  await Promise.all([deployer.start(), reconciler.start()]);
  status.start();
  usage.start();

  observe({ kind: "process.started", process: "reconciler", version });
  console.log(JSON.stringify({ ready: true, process: "reconciler" }));
  observe({ kind: "process.stopping", process: "reconciler", reason: await stopSignal() });
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
