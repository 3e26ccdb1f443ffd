/** Ground for tests of the direct endpoint: one real instance, a keeper that only starts it, the platform's certificates. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Certificates, openCertificates, tlsFiles } from "../../gateway/tls/index.ts";
import {
  type Account,
  type CancelKeys,
  type DirectEndpoint,
  defaultGatewayLimits,
  type GatewayLimits,
  type KeeperPort,
  makeDirectEndpoint,
  makeDirectory,
} from "../../gateway/wire/index.ts";
import { gatesIn, type InstanceWanted, readGate } from "../../platform/compute/index.ts";
import { type Observation, systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";

export const domain = "db.localhost";
export const certificateNames = ["localhost", "127.0.0.1", "::1", domain, `*.${domain}`];

export type GatewayGround = {
  readonly ground: Ground;
  readonly wanted: InstanceWanted;
  readonly endpoint: DirectEndpoint;
  readonly port: number;
  readonly certificates: Certificates;
  /** The CA's file. */
  readonly ca: string;
  readonly observations: Observation[];
  readonly accounts: ReadonlyMap<DatabaseId, Account>;
  close(): Promise<void>;
};

export type GatewayChanges = {
  readonly wanted?: Partial<InstanceWanted>;
  readonly limits?: Partial<GatewayLimits>;
  readonly keeper?: (ground: Ground) => KeeperPort;
  readonly cancelKeys?: CancelKeys;
  readonly requireTls?: boolean;
};

/** The endpoint over instances that `ground` has. */
export async function makeGateway(changes: GatewayChanges = {}): Promise<GatewayGround> {
  const ground = await makeGround({ spares: 0 });
  const wanted = await wish(changes.wanted);
  await ground.driver.ensure(wanted);
  const observations: Observation[] = [];
  const observe = (observation: Observation) => void observations.push(observation);
  const accounts = new Map<DatabaseId, Account>();
  const account = (id: DatabaseId): Account => {
    const found = accounts.get(id) ?? { bytesIn: 0, bytesOut: 0, connections: 0, requests: 0 };
    accounts.set(id, found);
    return found;
  };
  const { dataDir } = ground;
  const certificates = await openCertificates({ dataDir, names: certificateNames, clock: systemClock, observe });
  const endpoint = makeDirectEndpoint({
    ...{ clock: systemClock, observe, account, domain, requireTls: changes.requireTls ?? true },
    directory: makeDirectory({
      gateOf: (id) => readGate(dataDir, id),
      list: () => gatesIn(dataDir),
      clock: systemClock,
    }),
    keeper: (changes.keeper ?? startingKeeper)(ground),
    tls: () => certificates.current(),
    limits: { ...defaultGatewayLimits, ...changes.limits },
    mockSecret: randomBytes(32),
    ...(changes.cancelKeys === undefined ? {} : { cancelKeys: changes.cancelKeys }),
  });
  const port = await endpoint.listen(0, "127.0.0.1");
  return {
    ...{ ground, wanted, endpoint, port, certificates, observations, accounts },
    ca: tlsFiles(dataDir).ca,
    async close() {
      await endpoint.close(0);
      certificates.close();
      await ground.clear();
    },
  };
}

/** Stands in for gateway/keeper where a test is about the wire alone: starts what does not run, and never lets it sleep. */
export const startingKeeper = ({ driver }: Ground): KeeperPort => ({
  async enter(id) {
    const { host, socketPort } = await driver.start(id);
    return {
      socketPath: join(host, `.s.PGSQL.${socketPort}`),
      ...{ wake: null, touch: () => undefined, answered: () => undefined, leave: () => undefined, confirm: () => true },
    };
  },
});
