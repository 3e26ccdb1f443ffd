/**
 * The reconciler's process. Wires by hand inside one scope, which releases in reverse order on SIGTERM: first nothing new is
 * begun, then what runs ends, then connections close. HTTP: POST /hooks/github, GET /metrics, /health, /ready;
 * for Prometheus /metrics/databases and /discovery/..., for portals /databases/{id}/sample.
 * Any number of them share one ledger: repositories by a lease each, stacks by their claims, and what runs once by `whileHolding`.
 */

import { join } from "node:path";
import { backupFields, backupSettings, makeBackups, openStores } from "../platform/backup/index.ts";
import { type LocalDriver, limitsFor, makeLocalDriver } from "../platform/compute/index.ts";
import {
  choice,
  gatewayFields,
  gatewayPorts,
  guardedFetch,
  hostPolicy,
  integer,
  type Main,
  mainFields,
  optional,
  runMain,
  secret,
  systemClock,
  text,
} from "../platform/core/index.ts";
import { makeEvaluator } from "../platform/evaluate/index.ts";
import { requireGit } from "../platform/git/index.ts";
import { keyFields, keysFrom, openKeyring, tenantSecretsFrom } from "../platform/keys/index.ts";
import { makeMailer } from "../platform/mail/index.ts";
import { schemaDrift } from "../platform/migrations/index.ts";
import { makeNotifier } from "../platform/notify/index.ts";
import { makePool } from "../platform/sql/index.ts";
import { during, heldSql, type Instance, keepReplica, requireSchema, whileHolding } from "../platform/store/index.ts";
import { makeStripe, stripeFields, stripeFrom } from "../platform/stripe/index.ts";
import { metricsWord } from "../platform/telemetry/index.ts";
import { makeBackupWorker, parseBackupTimes, registerBackupsGauges } from "./backup/index.ts";
import { mailConsumer, makeBillingWorker } from "./billing/index.ts";
import { makeBranchPass } from "./branches/index.ts";
import { makeBudgetPass, registerBudgetGauges } from "./budgets/index.ts";
import { makeDeployer } from "./deploy/index.ts";
import { makeDriftPass, registerDriftGauges } from "./drift/index.ts";
import { makeMetricsPass, makeMetricsWeb, registerFleetGauges } from "./metrics/index.ts";
import { makeStatusPass, registerBackupGauge } from "./observe/index.ts";
import { makePaymentWorker, newsConsumer, stripeConsumer } from "./payments/index.ts";
import { makeReconciler, recordOutcome } from "./reconcile.ts";
import { makeRehearser } from "./review/index.ts";
import { makeHosts, makeMirrors, makeWeb, processChecks } from "./source/index.ts";
import { makeStoragePass, registerStorageGauge } from "./storage/index.ts";
import { makeUsageWorker, observeWith, readFileSizes, registerUsageGauges } from "./usage/index.ts";

const fields = {
  NEBULA_DATA: text(),
  NEBULA_PORT: integer(4400),
  NEBULA_WEB_PORT: integer(0),
  NEBULA_REPLICA: integer(1),
  NEBULA_LEDGER_URL: secret(),
  NEBULA_PG_BIN: text(),
  NEBULA_PULUMI_BIN: text(),
  NEBULA_DEPLOY_WORKERS: integer(3),
  NEBULA_POLL_SECONDS: integer(30),
  NEBULA_SAMPLE_SECONDS: integer(60),
  NEBULA_METRICS_SECONDS: integer(15),
  NEBULA_DRAIN_GRACE_SECONDS: integer(0),
  NEBULA_GIT_HOSTS: text("github.com,api.github.com"),
  NEBULA_PRIVATE_HOSTS: text(""),
  NEBULA_GATEWAY_HOST: gatewayFields.NEBULA_GATEWAY_HOST,
  NEBULA_GATEWAY_WEB_PORT: integer(0),
  NEBULA_BACKUPS: text("off"),
  ...backupFields,
  NEBULA_DATABASE_BACKUP_TIMES: text("{}"),
  NEBULA_SMTP_URL: optional(secret()),
  NEBULA_MAIL_FROM: text("NebulaDB <nebuladb@localhost>"),
  /** Days after an invoice was due until a tenant is suspended, and whether it ever is. */
  NEBULA_PAYMENT_GRACE_DAYS: integer(14),
  NEBULA_PAYMENT_SUSPEND: choice(["never", "after-grace"], "never"),
  ...stripeFields,
  ...mainFields,
  ...keyFields,
};

async function run({
  config,
  scope,
  metrics,
  observe,
  tracer,
  version,
  untilStopped,
}: Main<typeof fields>): Promise<void> {
  const [dataDir, port, pgBin] = [config.NEBULA_DATA, config.NEBULA_PORT, config.NEBULA_PG_BIN];
  const clock = systemClock;
  await requireGit();

  const ledgerUrl = config.NEBULA_LEDGER_URL;
  const sql = scope.add(makePool({ url: ledgerUrl, applicationName: "nebula-reconciler", max: 10 }), (pool) =>
    pool.close(),
  );
  await requireSchema(sql);
  const keyring = scope.add(await openKeyring({ sql, observe, ...keysFrom(process.env) }), (it) => it.close());
  const { vault } = keyring;
  const secrets = tenantSecretsFrom(process.env, sql, vault);
  const webPort = config.NEBULA_WEB_PORT || port + 3;
  const address = `http://127.0.0.1:${webPort}`;
  const replica = await keepReplica({ sql, observe, kind: "reconciler", version, address });
  scope.add(replica, (it) => it.close());
  const driver = scope.add(await makeLocalDriver({ dataDir, pgBin, vault, observe, spares: 0 }), (it) => it.close());
  const backupStores = backupSettings(process.env, { dataDir, backups: config.NEBULA_BACKUPS });
  const mailer = scope.add(
    makeMailer({ url: config.NEBULA_SMTP_URL, from: config.NEBULA_MAIL_FROM, folder: join(dataDir, "mail") }),
    (opened) => opened.close(),
  );
  const stripeSettings = stripeFrom(config);
  const stripe = stripeSettings === undefined ? null : makeStripe(stripeSettings, { clock });
  const backups = makeBackups({ driver, vault, ...openStores(backupStores) });
  const deployer = scope.add(
    await makeDeployer({
      ...{ sql, ledgerUrl, vault, secrets, dataDir, pgBin, observe, tracer, clock },
      pulumiBin: config.NEBULA_PULUMI_BIN,
      insideHosts: config.NEBULA_PRIVATE_HOSTS,
      backups: backupStores,
      concurrency: config.NEBULA_DEPLOY_WORKERS,
      onEnded: recordOutcome,
    }),
    (it) => it.close(),
  );
  const policy = hostPolicy({
    hosts: config.NEBULA_GIT_HOSTS,
    inside: `127.0.0.1:${port + 1},${config.NEBULA_PRIVATE_HOSTS}`,
  });
  const hosts = makeHosts(vault, { policy, observe, clock });
  const reconciler = scope.add(
    makeReconciler({
      ...{ sql, hosts, clock, observe, tracer },
      mirrors: scope.add(makeMirrors(join(dataDir, mirrorFolder(config.NEBULA_REPLICA))), (it) => it.close()),
      evaluator: scope.add(makeEvaluator({ observe }), (it) => it.close()),
      preview: ({ spec }) => deployer.preview({ spec }),
      rehearse: makeRehearser(backups),
      portalUrl: `http://127.0.0.1:${port}`,
      gatewayHost: config.NEBULA_GATEWAY_HOST,
      pollMs: config.NEBULA_POLL_SECONDS * 1000,
    }),
    (it) => it.close(),
  );
  const looks = { sql, driver, glance: driver.machinery.glance, observe, clock };
  const once = (name: string, begin: Parameters<typeof during>[0]) =>
    scope.add(whileHolding({ sql, clock, observe }, name, during(begin)), (it) => it.close());
  const listen: typeof sql.listen = (channel, hear) => sql.listen(channel, hear);
  const singletons = [
    once("status", () => makeStatusPass({ sql, driver, observe, tend: (rows) => tend(driver, rows) })),
    once("usage", ({ hold }) => {
      const sampleEveryMs = config.NEBULA_SAMPLE_SECONDS * 1000;
      return makeUsageWorker({
        sql: heldSql(sql, hold),
        clock,
        observe: observeWith(driver, { filesOf: readFileSizes(dataDir) }),
        report: observe,
        sampleEveryMs,
        trafficFolder: join(dataDir, "meter"),
      });
    }),
    once("billing", ({ hold }) => {
      const held = heldSql(sql, hold);
      const told = stripe === null ? [] : [stripeConsumer({ sql: held, stripe, clock, observe })];
      const consumers = [mailConsumer(held, mailer), newsConsumer(held), ...told];
      return makeBillingWorker({ sql: held, clock, observe, consumers });
    }),
    once("payments", ({ hold }) => {
      const suspends = config.NEBULA_PAYMENT_SUSPEND === "after-grace";
      const rules = { graceDays: config.NEBULA_PAYMENT_GRACE_DAYS, suspends };
      const { account = null, meters = {}, prices = [] } = stripeSettings ?? {};
      const service = stripe === null ? null : { stripe, account, meters, prices };
      return makePaymentWorker({ sql: heldSql(sql, hold), listen, clock, observe, rules, service });
    }),
    once("budgets", ({ hold }) => makeBudgetPass({ sql: heldSql(sql, hold), clock, observe })),
    once("notify", ({ hold }) => {
      const { inside } = hostPolicy({ hosts: "", inside: config.NEBULA_PRIVATE_HOSTS });
      const fetch = guardedFetch({ inside }, { timeoutMs: 15_000, maxBytes: 64 * 1024 });
      return makeNotifier({ sql: heldSql(sql, hold), listen, secrets, mailer, fetch, clock, observe });
    }),
    once("storage", () => makeStoragePass({ sql, driver, clock, observe })),
    once("metrics", () => makeMetricsPass({ ...looks, everyMs: config.NEBULA_METRICS_SECONDS * 1000 })),
    once("branches", () => makeBranchPass({ sql, clock, observe })),
    once("drift", () =>
      makeDriftPass({ sql, driver, vault, observe, schemaOf: (id) => driver.machinery.peek(id, schemaDrift) }),
    ),
    ...(backupStores.on
      ? [
          once("backup", () => {
            const times = parseBackupTimes(config.NEBULA_DATABASE_BACKUP_TIMES);
            return makeBackupWorker({ sql, backups, ids: driver.machinery.ids, clock, observe, times });
          }),
        ]
      : []),
  ];
  registerUsageGauges(metrics, sql, clock);
  registerFleetGauges(metrics, sql, clock);
  registerBudgetGauges(metrics, sql, clock);
  registerDriftGauges(metrics, sql);
  registerStorageGauge(metrics, sql);
  registerBackupsGauges(metrics, sql, clock);
  if (config.NEBULA_BACKUPS !== "off") registerBackupGauge(metrics, config.NEBULA_BACKUPS);
  const graceMs = config.NEBULA_DRAIN_GRACE_SECONDS * 1000;
  const needs = { pulumiBin: config.NEBULA_PULUMI_BIN, leastFreePercent: config.NEBULA_DISK_FREE_PERCENT };
  const checks = processChecks({ sql, dataDir, ...needs });
  const gateway = `127.0.0.1:${gatewayPorts(port, config).web}`;
  const word = vault.derive(metricsWord);
  const web = makeWeb({
    ...{ sql, hosts, metrics, observe, tracer, version, hint: reconciler.hint, graceMs, checks },
    elsewhere: makeMetricsWeb({ ...looks, address, gateway, word }),
  });
  await scope.add(web, (it) => it.close()).listen(webPort);
  await Promise.all([deployer.start(), reconciler.start()]);
  for (const singleton of singletons) singleton.start();
  await untilStopped();
}

/** What a machine's instances need from time to time, beside being up. */
async function tend(driver: LocalDriver, rows: readonly Instance[]): Promise<void> {
  const specs = new Map(rows.map(({ id, spec }) => [id, spec]));
  await driver.rotateLogs();
  await driver.keepGates((id) => {
    const spec = specs.get(id);
    if (spec === undefined) return undefined;
    const { maxUnits, suspendAfterSeconds } = spec.compute;
    return { suspendAfterSeconds, limits: limitsFor(maxUnits) };
  });
}

/** A mirror is fetched into by one process: replicas on one data folder have one each. */
const mirrorFolder = (replica: number): string => (replica === 1 ? "mirror" : `mirror-${replica}`);

await runMain("reconciler", fields, run);
