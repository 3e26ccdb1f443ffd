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
import { gatesIn, makeLocalRunner, readGate, scheduleAsBatch } from "../platform/compute/index.ts";
import {
  gatewayPorts,
  type Main,
  makeHealth,
  registerHealthGauge,
  roomCheck,
  runMain,
  systemClock,
} from "../platform/core/index.ts";
import { makeParser } from "../platform/grammar/index.ts";
import type { DatabaseId } from "../platform/spec/index.ts";
import { makeWebhookHttp } from "./changes/index.ts";
import { makeKeeper } from "./keeper/index.ts";
import type { PooledEndpoint } from "./pool/index.ts";
import {
  eitherBelow,
  fields,
  keepSecret,
  openChanges,
  openDataWeb,
  openFiles,
  openGatewayCertificates,
  openPool,
  openSqlTokens,
  outsideOf,
  poolerCheck,
  registerGauges,
} from "./process/index.ts";
import { makeScaler } from "./scaler/index.ts";
import { atStandby, makeStandbyGuard, replicatedIn } from "./standbys/index.ts";
import { makeConnect, makeSqlDesk, makeSqlHttp } from "./statements/index.ts";
import { makeDirectEndpoint, makeDirectory, makeMeter, makeWatch, readGatewayLimits } from "./wire/index.ts";

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
  pooled = await openPool(config, scope, { keeper, observe, certificates, meter, mockSecret });
  await keeper.start();
  const account = (id: DatabaseId) => meter.account(id);
  const parser = scope.add(makeParser(), (it) => it.close());
  const desk = makeSqlDesk({ connect: makeConnect({ dataDir, keeper }), parser });
  const verify = openSqlTokens(config);
  const changes = scope.add(openChanges(config, { keeper, observe }), (it) => it.close());
  const webhooks = makeWebhookHttp({ changes, verify, observe });
  const elsewhere = eitherBelow(webhooks, makeSqlHttp({ desk, verify, account, observe }));
  const outside = outsideOf(config, certificates);
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

await runMain("gateway", fields, run);
