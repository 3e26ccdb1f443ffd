/**
 * The portal's process: the API on NEBULA_PORT and the embedded forge on the next port, or one of them (NEBULA_SERVE); any number of
 * processes may serve the API, one the forge. Wires by hand; everything that is opened here is closed in reverse order on SIGTERM.
 * It and `portal/install` alone import the forge: the API reaches it by HTTP.
 *
 * 1. Prints one JSON line {"ready":true,"process":"portal"} when it serves, {"adminToken":"..."} once in the installation's
 *    life, {"setupToken":"..."} while it has no administrator's account, and nothing else on standard output.
 * 2. The first start can be killed anywhere and repeated: every step looks before it makes (`portal/install`).
 */
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { join } from "node:path";
import {
  type Config,
  choice,
  gatewayFields,
  gatewayNames,
  gatewayPorts,
  guardedFetch,
  type Health,
  hostPolicy,
  integer,
  type Main,
  mainFields,
  makeHealth,
  type Observe,
  optional,
  resolveConfig,
  roomCheck,
  runMain,
  type Scope,
  Secret,
  say,
  secret,
  systemClock,
  text,
  type UrlPolicy,
  type Vault,
} from "../platform/core/index.ts";
import { defaultLifetimes, makeIdentity, resolveLifetimes } from "../platform/identity/index.ts";
import { keyFields, keysFrom, maintainKeys, openKeyring, tenantSecretsFrom } from "../platform/keys/index.ts";
import { makeMailer } from "../platform/mail/index.ts";
import { makePool, type Pool } from "../platform/sql/index.ts";
import {
  expireIdentity,
  expireRequests,
  expireTokens,
  forgetMetrics,
  keepAudit,
  keepReplica,
  ledgerCheck,
  makeAudit,
  replicasCheck,
  requireSchema,
  whileHolding,
} from "../platform/store/index.ts";
import { makeStripe, stripeFields, stripeFrom } from "../platform/stripe/index.ts";
import { metricsWord } from "../platform/telemetry/index.ts";
import {
  type Components,
  defaultLimits,
  drain,
  type Gateway,
  type GitSettings,
  keepComponents,
  makeApi,
  makeGitDesk,
  makeServer,
  type Payments,
  parseRules,
  portTaken,
  resolveReachable,
} from "./api/index.ts";
import { type Auth, ensureSetupToken, makeAuth, registrationModes, resolveProviders, startPost } from "./auth/index.ts";
import { type Forge, makeForge } from "./forge/index.ts";
import { install, writeSecret } from "./install/index.ts";
import { inPostgres, inRedis, makeServedMetrics, makeSource, type ServedMetrics } from "./metrics/index.ts";

const fields = {
  NEBULA_DATA: text(),
  NEBULA_PORT: integer(4400),
  NEBULA_LEDGER_URL: secret(),
  NEBULA_SERVE: choice(["api,forge", "api", "forge"], "api,forge"),
  NEBULA_API_PORT: integer(0),
  NEBULA_LIMITS: text(""),
  NEBULA_OPEN_OPERATIONS: integer(defaultLimits.openOperations),
  NEBULA_CORS_ORIGINS: text(""),
  NEBULA_TRUSTED_PROXIES: text(""),
  NEBULA_PUBLIC_URL: text(""),
  NEBULA_GIT_HOSTS: text("github.com,api.github.com"),
  NEBULA_PRIVATE_HOSTS: text(""),
  NEBULA_HOOK_URL: text(""),
  NEBULA_GATEWAY_HEALTH_URL: text(""),
  NEBULA_POLL_SECONDS: integer(30),
  NEBULA_GITHUB_APP_ID: integer(0),
  NEBULA_GITHUB_APP_KEY: optional(secret()),
  NEBULA_DRAIN_GRACE_SECONDS: integer(0),
  NEBULA_DRAIN_SECONDS: integer(10),
  NEBULA_REGISTRATION: choice(registrationModes, "invited"),
  NEBULA_ACCESS_TOKEN_SECONDS: integer(defaultLifetimes.accessSeconds),
  NEBULA_SESSION_IDLE_HOURS: integer(defaultLifetimes.idleSeconds / 3600),
  NEBULA_SESSION_HOURS: integer(defaultLifetimes.absoluteSeconds / 3600),
  NEBULA_REDIS_URL: optional(secret()),
  NEBULA_SMTP_URL: optional(secret()),
  NEBULA_OIDC_PROVIDERS: optional(secret()),
  NEBULA_GITHUB_SIGN_IN: optional(secret()),
  NEBULA_MAIL_FROM: text("NebulaDB <nebuladb@localhost>"),
  NEBULA_AUDIT_DAYS: integer(366),
  ...stripeFields,
  ...gatewayFields,
  ...mainFields,
  ...keyFields,
};

type Settings = Config<typeof fields>;

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
  if (serves.includes("forge")) {
    const { NEBULA_FORGE_DATABASE_URL: url } = resolveConfig(process.env, { NEBULA_FORGE_DATABASE_URL: secret() });
    const forgeSql = pool(url, "forge", 6);
    const { inside } = hostPolicy({ hosts: "", inside: `127.0.0.1:${port + 3},${config.NEBULA_PRIVATE_HOSTS}` });
    const checks = [ledgerCheck(forgeSql, "database"), roomCheck(config.NEBULA_DATA, config.NEBULA_DISK_FREE_PERCENT)];
    const health = makeHealth({ process: "forge", version, checks });
    const place = { data: config.NEBULA_DATA, port: port + 1, vault, observe, health, hookPolicy: { inside } };
    const forge = await openForge(scope, forgeSql, place);
    scope.add(maintainKeys({ keyring, ledger: sql, forge: forgeSql, observe }), (it) => it.close());
    const hookUrl = `http://127.0.0.1:${port + 3}/hooks/github`;
    const adminToken = await install({ sql, forge, vault, data: config.NEBULA_DATA, hookUrl });
    if (adminToken !== undefined) say({ adminToken: adminToken.reveal() });
  }
  if (!serves.includes("api")) return untilStopped();
  if (!serves.includes("forge")) scope.add(maintainKeys({ keyring, ledger: sql, observe }), (it) => it.close());
  const auth = await openAuth(scope, { sql, vault, observe, config, port });
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
    figures: await openFigures(scope, { sql, vault, observe, config }),
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

type People = {
  readonly sql: Pool;
  readonly vault: Vault;
  readonly observe: Observe;
  readonly config: Settings;
  readonly port: number;
};

/** The payment service, by the settings that the reconciler has too. */
function readPayments(config: Settings): Payments | null {
  const settings = stripeFrom(config);
  if (settings === undefined) return null;
  const { account, live } = settings;
  const webhookSecret = config.NEBULA_STRIPE_WEBHOOK_SECRET;
  return {
    stripe: makeStripe(settings, { clock: systemClock }),
    webhook: webhookSecret === undefined ? null : { secret: webhookSecret, account, live },
    returnUrl: (config.NEBULA_PUBLIC_URL || `http://127.0.0.1:${config.NEBULA_PORT}`).replace(/\/+$/, ""),
  };
}

/** The gateway beside this portal, by the settings that it has itself. */
function readGateway(config: Settings): Gateway {
  const [name = ""] = gatewayNames(config.NEBULA_GATEWAY_NAMES);
  const ports = gatewayPorts(config.NEBULA_PORT, config);
  const listens = config.NEBULA_GATEWAY_HOST;
  const everywhere = listens === "0.0.0.0" || listens === "::";
  const own = config.NEBULA_GATEWAY_TLS_CERT === "";
  return {
    host: name !== "" && !name.startsWith("*") ? name : everywhere ? "localhost" : listens,
    directPort: ports.direct,
    pooledPort: config.NEBULA_PGBOUNCER_BIN === "" ? null : ports.pooled,
    apiUrl: apiAddress(ports.api, listens, name),
    healthUrl: healthAddress(config.NEBULA_GATEWAY_HEALTH_URL, ports.web),
    domain: config.NEBULA_GATEWAY_DOMAIN,
    filesUrl: config.NEBULA_VERSITYGW_BIN === "" ? null : apiAddress(ports.files, listens, name),
    filesSecret: () => gatewaySecret(config, "files-secret"),
    secret: () => gatewaySecret(config, "portal-secret"),
    rootCertificate: async () =>
      own ? await readFile(join(config.NEBULA_DATA, "tls", "ca.pem"), "utf8").catch(() => null) : null,
  };
}

/** Where the gateway says how it is: on this machine, unless told otherwise; `none`: no portal can ask. */
const healthAddress = (told: string, port: number): string | null =>
  told === "none" ? null : told || `http://127.0.0.1:${port}/readyz`;

async function gatewaySecret(config: Settings, file: "portal-secret" | "files-secret"): Promise<Secret | null> {
  const bytes = await readFile(join(config.NEBULA_DATA, "gateway", file)).catch(() => undefined);
  return bytes === undefined ? null : new Secret(bytes.toString("base64url"));
}

/** In clear on this machine alone, by TLS for others, as the gateway serves it. */
function apiAddress(port: number, listens: string, name: string): string {
  if (/^(127\.|::1$|localhost$)/.test(listens)) return `http://127.0.0.1:${port}`;
  return `https://${name !== "" && !name.startsWith("*") ? name : "localhost"}:${port}`;
}

/** How people sign in, the mails that go with it, and the token for the first administrator's account. */
async function openAuth(scope: Scope, { sql, vault, observe, config, port }: People): Promise<Auth> {
  const publicUrl = (config.NEBULA_PUBLIC_URL || `http://127.0.0.1:${port}`).replace(/\/+$/, "");
  const lifetimes = resolveLifetimes({
    accessSeconds: config.NEBULA_ACCESS_TOKEN_SECONDS,
    idleSeconds: config.NEBULA_SESSION_IDLE_HOURS * 3600,
    absoluteSeconds: config.NEBULA_SESSION_HOURS * 3600,
  });
  const identity = await makeIdentity({ sql, vault, issuer: publicUrl, lifetimes });
  scope.add(identity, (opened) => opened.close());
  const [data, url, from] = [config.NEBULA_DATA, config.NEBULA_SMTP_URL, config.NEBULA_MAIL_FROM];
  const mailer = scope.add(makeMailer({ url, from, folder: join(data, "mail") }), (opened) => opened.close());
  const registration = config.NEBULA_REGISTRATION;
  const { inside } = hostPolicy({ hosts: "", inside: config.NEBULA_PRIVATE_HOSTS });
  const providers = resolveProviders(
    { oidc: config.NEBULA_OIDC_PROVIDERS, github: config.NEBULA_GITHUB_SIGN_IN },
    { fetch: guardedFetch({ inside }, { maxBytes: 1024 * 1024 }), clock: systemClock, publicUrl },
  );
  const auth = makeAuth({ identity, observe, registration, publicUrl, mailVia: mailer.via, providers });
  scope.add(await startPost(auth, mailer), (post) => post.close());
  const setupToken = await ensureSetupToken(sql, (token) => writeSecret(data, "setup-token", token));
  if (setupToken !== undefined) say({ setupToken: setupToken.reveal() });
  return auth;
}

/** How databases are doing: shared with the other portals by the ledger, or by a Redis that the operator has. */
async function openFigures(
  scope: Scope,
  { sql, vault, observe, config }: Omit<People, "port">,
): Promise<ServedMetrics> {
  const redis = config.NEBULA_REDIS_URL;
  const second = redis === undefined ? inPostgres(sql) : await inRedis(redis, observe);
  const source = makeSource({ sql, word: vault.derive(metricsWord) });
  return scope.add(makeServedMetrics({ second, source, observe, clock: systemClock }), (it) => it.close());
}

type ForgePlace = {
  readonly data: string;
  readonly port: number;
  readonly vault: Vault;
  readonly observe: Observe;
  readonly health: Health;
  readonly hookPolicy: UrlPolicy;
};

async function openForge(
  scope: Scope,
  sql: Pool,
  { data, port, vault, observe, health, hookPolicy }: ForgePlace,
): Promise<Forge> {
  const publicUrl = `http://127.0.0.1:${port}`;
  const forge = await makeForge({ dataDir: data, sql, vault, observe, health, publicUrl, hookPolicy });
  scope.add(forge, (opened) => opened.close());
  await forge.listen(port).catch((cause: unknown) => {
    throw taken(port, cause);
  });
  return forge;
}

/** Whom this installation asks, and what it shows a Git host elsewhere. */
function readGit(config: Settings): GitSettings {
  const { NEBULA_GITHUB_APP_ID: appId, NEBULA_GITHUB_APP_KEY: privateKey } = config;
  return {
    policy: hostPolicy({
      hosts: config.NEBULA_GIT_HOSTS,
      inside: `127.0.0.1:${config.NEBULA_PORT + 1},${config.NEBULA_PRIVATE_HOSTS}`,
    }),
    hookUrl: config.NEBULA_HOOK_URL === "" ? null : config.NEBULA_HOOK_URL,
    pollSeconds: config.NEBULA_POLL_SECONDS,
    app: appId === 0 || privateKey === undefined ? null : { appId, privateKey },
  };
}

const listen = (server: Server, port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const refused = (problem: Error) => reject(taken(port, problem));
    server.once("error", refused).listen(port, "127.0.0.1", () => {
      server.off("error", refused);
      resolve(server);
    });
  });

function taken(port: number, cause: unknown): unknown {
  const inUse = (cause as { code?: unknown } | null)?.code === "EADDRINUSE";
  return inUse ? portTaken(`port ${port} on 127.0.0.1 is in use`, { cause }) : cause;
}

await runMain("portal", fields, run);
