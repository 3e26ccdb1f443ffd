/**
 * The portal's process: the API on NEBULA_PORT and the embedded forge on the next port, or one of them (NEBULA_SERVE); any number of
 * processes may serve the API, one the forge. Wires by hand; everything that is opened here is closed in reverse order on SIGTERM.
 * `portal/process` and `portal/install` alone import the forge: the API reaches it by HTTP.
 *
 * 1. Prints one JSON line {"ready":true,"process":"portal"} when it serves, {"adminToken":"..."} once in the installation's
 *    life, {"setupToken":"..."} while it has no administrator's account, and nothing else on standard output.
 * 2. The first start can be killed anywhere and repeated: every step looks before it makes (`portal/install`).
 */
import { type Main, roomCheck, runMain, type Secret, systemClock } from "../platform/core/index.ts";
import { keysFrom, maintainKeys, openKeyring, tenantSecretsFrom } from "../platform/keys/index.ts";
import { makePool } from "../platform/sql/index.ts";
import {
  expireIdentity,
  expireRequests,
  expireTokens,
  forgetMetrics,
  keepAudit,
  keepReplica,
  makeAudit,
  replicasCheck,
  requireSchema,
  whileHolding,
} from "../platform/store/index.ts";
import {
  type Components,
  defaultLimits,
  drain,
  keepComponents,
  makeApi,
  makeGitDesk,
  makeServer,
  parseRules,
  resolveReachable,
} from "./api/index.ts";
import {
  fields,
  listen,
  openAuth,
  openFigures,
  readGateway,
  readGit,
  readPayments,
  serveForge,
} from "./process/index.ts";

const housekeepingMs = 3_600_000;

async function run({
  config,
  scope,
  metrics,
  observe,
  tracer,
  version,
  untilStopped,
}: Main<typeof fields>): Promise<void> {
  const port = config.NEBULA_PORT;
  const [draining, closing] = [new AbortController(), new AbortController()];
  const openOperations = config.NEBULA_OPEN_OPERATIONS;
  const limits = { ...defaultLimits, openOperations, rules: parseRules(config.NEBULA_LIMITS) };
  const reachable = resolveReachable({
    origins: config.NEBULA_CORS_ORIGINS,
    trustedProxies: config.NEBULA_TRUSTED_PROXIES,
    publicUrl: config.NEBULA_PUBLIC_URL,
  });
  const pool = (url: Secret, name: string, max: number) =>
    scope.add(makePool({ url, max, applicationName: `nebula-${name}` }), (opened) => opened.close());
  const sql = pool(config.NEBULA_LEDGER_URL, "portal", 8);
  await requireSchema(sql);
  const keyring = scope.add(await openKeyring({ sql, observe, ...keysFrom(process.env) }), (it) => it.close());
  const { vault } = keyring;
  const serves = config.NEBULA_SERVE.split(",");
  const apiPort = config.NEBULA_API_PORT || port;
  const replica = await keepReplica({
    ...{ sql, observe, version },
    kind: serves.includes("api") ? "portal" : "forge",
    address: `http://127.0.0.1:${serves.includes("api") ? apiPort : port + 1}`,
  });
  scope.add(replica, (kept) => kept.close());
  const common = { sql, vault, observe, config };
  if (serves.includes("forge")) await serveForge(scope, { ...common, keyring, version, pool });
  if (!serves.includes("api")) return untilStopped();
  if (!serves.includes("forge")) scope.add(maintainKeys({ keyring, ledger: sql, observe }), (it) => it.close());
  const auth = await openAuth(scope, common);
  const git = makeGitDesk(vault, readGit(config), observe);
  const looked: Components[] = [];
  const app = makeApi({
    sql,
    vault,
    observe,
    tracer,
    metrics,
    clock: systemClock,
    version,
    ledgerUrl: config.NEBULA_LEDGER_URL,
    gateway: readGateway(config),
    ...{ git, hostOf: git.hostOf },
    figures: await openFigures(scope, common),
    auth,
    ...{ keyring, secrets: tenantSecretsFrom(process.env, sql, vault) },
    payments: readPayments(config),
    ...{ draining: draining.signal, closing: closing.signal, reachable, limits },
    checkAnswers: false,
    checks: [
      roomCheck(config.NEBULA_DATA, config.NEBULA_DISK_FREE_PERCENT),
      replicasCheck(sql, ["portal", "reconciler"]),
    ],
    onComponents: (components) => looked.push(components),
  });
  for (const components of looked)
    scope.add(keepComponents({ components, sql, clock: systemClock, observe }), (it) => it.close()).start();
  scope.add(await listen(makeServer(app), apiPort), (serving) =>
    drain(serving, {
      ...{ draining, closing },
      graceMs: config.NEBULA_DRAIN_GRACE_SECONDS * 1000,
      timeoutMs: config.NEBULA_DRAIN_SECONDS * 1000,
    }),
  );
  const housekeeping = whileHolding({ sql, observe }, "housekeeping", async ({ signal }) => {
    while (!signal.aborted) {
      for (const expire of [expireRequests, expireTokens, expireIdentity, forgetMetrics])
        await expire(sql).catch(() => undefined);
      await systemClock.sleep(housekeepingMs, signal);
    }
  });
  scope.add(housekeeping, (once) => once.close()).start();
  const keeping = { audit: makeAudit(sql, vault), observe, retentionDays: config.NEBULA_AUDIT_DAYS };
  const keeper = whileHolding({ sql, observe }, "audit", ({ signal }) => keepAudit(keeping, signal));
  scope.add(keeper, (once) => once.close()).start();
  await untilStopped();
}

await runMain("portal", fields, run);
