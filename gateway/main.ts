/**
 * The gateway's process: the direct endpoint on N+90, PgBouncer's pooled endpoint on N+91, HTTP for those who look after it on N+92
 * (GET /metrics, /livez, /readyz), databases' data APIs on N+93, and buckets on N+94. One for each data folder. Wires by hand inside
 * one scope, which releases in reverse order on SIGTERM: no new connections, sessions to their end, then what they used.
 *
 * 1. It serves while portal, reconciler and ledger are down: all that it needs lies in the data folder, beside the instances.
 * 2. It holds no key of the vault and no password.
 * 3. SIGHUP reads the certificates anew.
 * 4. It and what it starts are scheduled as batch work: a relay that is not hurried carries more (decision 0035).
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  gatesIn,
  isRetired,
  makeLocalRunner,
  readGate,
  resolveOsUser,
  scheduleAsBatch,
} from "../platform/compute/index.ts";
import {
  type Check,
  type Config,
  choice,
  gatewayFields,
  gatewayNames,
  gatewayPorts,
  guardedFetch,
  hostPolicy,
  integer,
  type Main,
  type Metrics,
  mainFields,
  makeHealth,
  type Observe,
  processMissing,
  registerHealthGauge,
  roomCheck,
  runMain,
  type Scope,
  Secret,
  systemClock,
  text,
} from "../platform/core/index.ts";
import { makeParser } from "../platform/grammar/index.ts";
import type { DatabaseId } from "../platform/spec/index.ts";
import { type Changes, makeChanges, makeWebhookHttp, type WebhookHttp } from "./changes/index.ts";
import { makeFiles } from "./files/index.ts";
import { type Keeper, makeKeeper } from "./keeper/index.ts";
import { openPooledEndpoint, type PooledEndpoint } from "./pool/index.ts";
import { makeScaler, registerSizes, type Scaler } from "./scaler/index.ts";
import { atStandby, makeStandbyGuard, registerStandbys, replicatedIn, type StandbyGuard } from "./standbys/index.ts";
import {
  makeConnect,
  makeSqlDesk,
  makeSqlHttp,
  makeSqlTokens,
  type SqlHttp,
  type SqlTokenOptions,
  type VerifySqlToken,
} from "./statements/index.ts";
import { type Certificates, openCertificates, type ServingTls } from "./tls/index.ts";
import { askPortal, type DataWeb, type DataWebOptions, makeDataWeb, makeKeys } from "./web/index.ts";
import {
  type DirectEndpoint,
  isLoopback,
  makeDirectEndpoint,
  makeDirectory,
  makeMeter,
  makeWatch,
  mockVerifierText,
  readGatewayLimits,
} from "./wire/index.ts";

const fields = {
  NEBULA_DATA: text(),
  NEBULA_PORT: integer(4400),
  NEBULA_PG_BIN: text(),
  ...gatewayFields,
  NEBULA_GATEWAY_WEB_PORT: integer(0),
  NEBULA_PORTAL_URL: text(""),
  NEBULA_PRIVATE_HOSTS: text(""),
  NEBULA_GATEWAY_TLS_KEY: text(""),
  NEBULA_GATEWAY_REQUIRE_TLS: choice(["outside", "never"], "outside"),
  NEBULA_GATEWAY_LIMITS: text(""),
  NEBULA_GATEWAY_DRAIN_SECONDS: integer(5),
  ...mainFields,
};

type Settings = Config<typeof fields>;

async function run({
  config,
  scope,
  metrics,
  observe,
  tracer,
  version,
  untilStopped,
}: Main<typeof fields>): Promise<void> {
  const [dataDir, pgBin, host] = [config.NEBULA_DATA, config.NEBULA_PG_BIN, config.NEBULA_GATEWAY_HOST];
  const ports = gatewayPorts(config.NEBULA_PORT, config);
  const clock = systemClock;
  await scheduleAsBatch(process.pid);
  const mockSecret = keepSecret(dataDir, "mock-secret");
  const limits = readGatewayLimits(config.NEBULA_GATEWAY_LIMITS);

  const certificates = scope.add(await openGatewayCertificates(config, observe), (it) => it.close());
  const meter = scope.add(await makeMeter({ dataDir, clock, observe }), (it) => it.close());
  const runner = await makeLocalRunner({ dataDir, pgBin, observe });
  let pooled: PooledEndpoint | undefined;
  const keeper = makeKeeper({
    dataDir,
    runner,
    observe,
    clock,
    tracer,
    vacate: async (id) => (await pooled?.vacate(id)) ?? true,
  });
  scope.add(keeper, (it) => it.close());
  const guard = makeStandbyGuard({ runner, replicated: () => replicatedIn(dataDir), observe, clock });
  scope.add(guard, (it) => it.close());
  const directory = makeDirectory({ gateOf: (id) => readGate(dataDir, id), list: () => gatesIn(dataDir), clock });
  const direct = makeDirectEndpoint({
    keeper: {
      enter: keeper.enter,
      // who only reads keeps the database awake as anybody does
      enterStandby: async (id) => atStandby(await keeper.enter(id, "direct"), () => guard.enter(id)),
    },
    ...{ directory, limits, mockSecret, clock, observe, tracer },
    tls: () => certificates.current(),
    domain: config.NEBULA_GATEWAY_DOMAIN,
    requireTls: config.NEBULA_GATEWAY_REQUIRE_TLS === "outside",
    account: (id) => meter.account(id),
  });
  let isServing = false;
  const checks = [
    roomCheck(dataDir, config.NEBULA_DISK_FREE_PERCENT),
    ...(config.NEBULA_PGBOUNCER_BIN === "" ? [] : [poolerCheck(() => pooled?.state().up === true)]),
  ];
  const health = makeHealth({ process: "gateway", version, checks, clock, serving: () => isServing });
  registerHealthGauge(metrics, health);
  const watch = makeWatch({ metrics, health });

  await scope.add(watch, (it) => it.close()).listen(ports.web);
  await direct.listen(ports.direct, host);
  scope.add(direct, (it) => it.close(config.NEBULA_GATEWAY_DRAIN_SECONDS * 1000));
  if (config.NEBULA_PGBOUNCER_BIN !== "") {
    pooled = await openPooledEndpoint({
      ...{ dataDir, keeper, observe, clock, bin: config.NEBULA_PGBOUNCER_BIN },
      user: await resolveOsUser(),
      port: ports.pooled,
      addresses: host === "127.0.0.1" ? ["127.0.0.1"] : [host],
      tls: certificates.files,
      mockVerifier: (id, role) => mockVerifierText(mockSecret, `${id}:${role}`),
      onTraffic(id, { bytesIn, bytesOut }) {
        const account = meter.account(id);
        account.bytesIn += bytesIn;
        account.bytesOut += bytesOut;
      },
    });
    const opened = pooled;
    certificates.onChange(() => void opened.sync());
    scope.add(opened, (it) => it.close());
  }
  await keeper.start();
  const account = (id: DatabaseId) => meter.account(id);
  const parser = scope.add(makeParser(), (it) => it.close());
  const desk = makeSqlDesk({ connect: makeConnect({ dataDir, keeper }), parser });
  const verify = openSqlTokens(config);
  const changes = scope.add(openChanges(config, { keeper, observe }), (it) => it.close());
  const webhooks = makeWebhookHttp({ changes, verify, observe });
  const elsewhere = eitherBelow(webhooks, makeSqlHttp({ desk, verify, account, observe }));
  const tls: ServingTls = { current: () => certificates.current().options, onChange: certificates.onChange };
  const outside: Outside = {
    ...(isLoopback(host) || host === "localhost" ? {} : { tls }),
    portal: { url: portalOf(config), secret: new Secret(keepSecret(dataDir, "portal-secret").toString("base64url")) },
  };
  await openFiles(config, scope, { account, outside, observe });
  const web = openDataWeb(config, { directory, keeper, account, outside, observe, tracer, elsewhere, changes });
  await web.listen(ports.api, host);
  scope.add(web, (it) => it.close(config.NEBULA_GATEWAY_DRAIN_SECONDS * 1000));
  scope.add(desk, (it) => it.close()); // first: whoever waits for a statement has an answer, and does not hold the server up
  const scaler = scope.add(makeScaler({ runner, awake: () => keeper.awake(), observe, clock }), (it) => it.close());
  scaler.start();
  await changes.start();
  guard.start();
  registerGauges(metrics, { keeper, scaler, guard, direct, pooled });
  isServing = true;
  process.on("SIGHUP", () => void certificates.reload());
  await untilStopped();
  isServing = false;
}

/** Direct sessions are let in all the same. */
const poolerCheck = (isUp: () => boolean): Check => ({
  name: "pooler",
  needed: false,
  ask() {
    if (!isUp()) throw processMissing("PgBouncer does not serve");
  },
});

const portalOf = (config: Settings): string =>
  (config.NEBULA_PORTAL_URL || `http://127.0.0.1:${config.NEBULA_PORT}`).replace(/\/+$/, "");

/** The portal's public keys, from the portal. */
function openSqlTokens(config: Settings): VerifySqlToken {
  const url = `${portalOf(config)}/.well-known/jwks.json`;
  const ask = async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: "error" });
    if (!response.ok) throw new Error(`the portal answered ${response.status}`);
    return (await response.json()) as Awaited<ReturnType<SqlTokenOptions["ask"]>>;
  };
  return makeSqlTokens({ dataDir: config.NEBULA_DATA, ask, clock: systemClock });
}

/** The SQL endpoint and webhooks stand beside a database's data API, also where it has none. */
const eitherBelow =
  (webhooks: WebhookHttp, sql: SqlHttp): NonNullable<DataWebOptions["elsewhere"]> =>
  async (request, response, { named, path }) => {
    const route = { path, database: named.by === "id" ? named.id : undefined };
    return (await webhooks(request, response, route)) || sql(request, response, route);
  };

/** Receivers are asked like every address that a declaration names: in public, by https. */
function openChanges(
  config: Settings,
  { keeper, observe }: Pick<DataWebParts, "observe"> & { keeper: Keeper },
): Changes {
  const { inside } = hostPolicy({ hosts: "", inside: config.NEBULA_PRIVATE_HOSTS });
  return makeChanges({
    ...{ dataDir: config.NEBULA_DATA, keeper, observe, clock: systemClock },
    gateOf: (id) => readGate(config.NEBULA_DATA, id),
    fetch: guardedFetch({ inside }, { timeoutMs: 15_000, maxBytes: 64 * 1024 }),
  });
}

/** How both HTTP ports meet others: in clear on this machine alone, by TLS elsewhere, and keys are the portal's to judge. */
type Outside = { readonly tls?: ServingTls; readonly portal: { readonly url: string; readonly secret: Secret } };

type DataWebParts = Pick<DataWebOptions, "directory" | "keeper" | "account" | "observe" | "tracer"> & {
  readonly changes: Changes;
  readonly elsewhere: NonNullable<DataWebOptions["elsewhere"]>;
  readonly outside: Outside;
};

function openDataWeb(config: Settings, { outside: { portal, ...tls }, ...parts }: DataWebParts): DataWeb {
  const { NEBULA_DATA: dataDir, NEBULA_GATEWAY_DOMAIN: domain } = config;
  return makeDataWeb({
    ...{ ...parts, ...tls, dataDir, domain, clock: systemClock },
    keys: makeKeys({ ask: askPortal(portal), clock: systemClock }),
    policy: { inside: hostPolicy({ hosts: "", inside: config.NEBULA_PRIVATE_HOSTS }).inside },
  });
}

type FilesParts = Pick<DataWebOptions, "account" | "observe"> & Pick<DataWebParts, "outside">;

/** Buckets, where there is a server for them. */
async function openFiles(config: Settings, scope: Scope, { account, outside, observe }: FilesParts): Promise<void> {
  const { NEBULA_DATA: dataDir, NEBULA_GATEWAY_HOST: host, NEBULA_VERSITYGW_BIN: bin } = config;
  if (bin === "") return;
  const { portal, ...tls } = outside;
  const files = makeFiles({
    ...{ dataDir, bin, account, observe, clock: systemClock, domain: config.NEBULA_GATEWAY_DOMAIN },
    secret: new Secret(keepSecret(dataDir, "files-secret").toString("base64url")),
    keys: makeKeys({ ask: askPortal({ ...portal, about: "files" }), clock: systemClock }),
    gateOf: (id) => readGate(dataDir, id),
    databases: () => gatesIn(dataDir),
    isRetired: (id) => isRetired(dataDir, id),
    ...tls,
  });
  await files.listen(gatewayPorts(config.NEBULA_PORT, config).files, host);
  scope.add(files, (it) => it.close(config.NEBULA_GATEWAY_DRAIN_SECONDS * 1000));
}

function openGatewayCertificates(config: Settings, observe: Observe): Promise<Certificates> {
  const { NEBULA_GATEWAY_TLS_CERT: cert, NEBULA_GATEWAY_TLS_KEY: key, NEBULA_GATEWAY_DOMAIN: domain } = config;
  const names = ["localhost", "127.0.0.1", "::1", domain, `*.${domain}`];
  return openCertificates({
    dataDir: config.NEBULA_DATA,
    names: [...new Set([...names, ...gatewayNames(config.NEBULA_GATEWAY_NAMES)])],
    ...(cert === "" && key === "" ? {} : { given: { cert, key } }),
    ...{ clock: systemClock, observe },
  });
}

/**
 * What unknown names are answered is made of one: kept, so that a restart does not show which names are real. The portal is shown the
 * others, which it reads here too: only a gateway of this data folder may ask it about keys, and credentials of buckets follow from one.
 */
function keepSecret(dataDir: string, name: "mock-secret" | "portal-secret" | "files-secret"): Buffer {
  const folder = join(dataDir, "gateway");
  const file = join(folder, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const kept = readFileSync(file);
    if (kept.length === 32) return kept;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
  }
  const made = randomBytes(32);
  writeFileSync(`${file}.new`, made, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return made;
}

type Gauged = {
  readonly keeper: Keeper;
  readonly scaler: Scaler;
  readonly guard: StandbyGuard;
  readonly direct: DirectEndpoint;
  readonly pooled: PooledEndpoint | undefined;
};

function registerGauges(metrics: Metrics, { keeper, scaler, guard, direct, pooled }: Gauged): void {
  registerSizes(metrics, scaler);
  registerStandbys(metrics, guard);
  metrics.gauge("nebuladb_gateway_sessions", "Open connections of the direct endpoint.", ["state"], async (set) => {
    const { open, connections } = direct.sessions();
    set({ state: "open" }, open);
    set({ state: "handshake" }, connections - open);
  });
  metrics.gauge("nebuladb_instances_by_state", "Databases by what they are doing.", ["state"], async (set) => {
    for (const [state, count] of Object.entries(keeper.counts())) set({ state }, count);
  });
  metrics.gauge("nebuladb_pooler_connections", "Connections of PgBouncer.", ["side"], async (set) => {
    if (!pooled?.state().up) return;
    for (const [side, count] of Object.entries(await pooled.connections())) set({ side }, count);
  });
  metrics.gauge("nebuladb_pooler_up", "Whether the pooled endpoint serves.", [], async (set) => {
    set({}, pooled?.state().up ? 1 : 0);
  });
}

await runMain("gateway", fields, run);
