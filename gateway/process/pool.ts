import { resolveOsUser } from "../../platform/compute/index.ts";
import type { Observe, Scope } from "../../platform/core/index.ts";
import { type Check, gatewayPorts, processMissing, systemClock } from "../../platform/core/index.ts";
import type { Keeper } from "../keeper/index.ts";
import { openPooledEndpoint, type PooledEndpoint } from "../pool/index.ts";
import type { Certificates } from "../tls/index.ts";
import { type Meter, mockVerifierText } from "../wire/index.ts";
import type { Settings } from "./settings.ts";

type PoolParts = {
  readonly keeper: Keeper;
  readonly observe: Observe;
  readonly certificates: Certificates;
  readonly meter: Meter;
  readonly mockSecret: Buffer;
};

/** The pooled endpoint; undefined where there is no PgBouncer. */
export async function openPool(
  config: Settings,
  scope: Scope,
  { keeper, observe, certificates, meter, mockSecret }: PoolParts,
): Promise<PooledEndpoint | undefined> {
  const { NEBULA_DATA: dataDir, NEBULA_GATEWAY_HOST: host, NEBULA_PGBOUNCER_BIN: bin } = config;
  if (bin === "") return undefined;
  const pooled = await openPooledEndpoint({
    ...{ dataDir, keeper, observe, clock: systemClock, bin },
    user: await resolveOsUser(),
    port: gatewayPorts(config.NEBULA_PORT, config).pooled,
    addresses: [host],
    tls: certificates.files,
    mockVerifier: (id, role) => mockVerifierText(mockSecret, `${id}:${role}`),
    onTraffic(id, { bytesIn, bytesOut }) {
      const account = meter.account(id);
      account.bytesIn += bytesIn;
      account.bytesOut += bytesOut;
    },
  });
  certificates.onChange(() => void pooled.sync());
  return scope.add(pooled, (it) => it.close());
}

/** Direct sessions are let in all the same. */
export const poolerCheck = (isUp: () => boolean): Check => ({
  name: "pooler",
  needed: false,
  ask() {
    if (!isUp()) throw processMissing("PgBouncer does not serve");
  },
});
