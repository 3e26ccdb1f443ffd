/** The pooled endpoint put together: gates become PgBouncer's files, doors and answers; its traffic becomes the keeper's and the meter's. */
import type { Socket } from "node:net";
import { join } from "node:path";
import { type OsUser, readGate } from "../../platform/compute/index.ts";
import { type Clock, type Observe, systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { expiryOf } from "../keeper/index.ts";
import { coalesced, connectionsIn, makeTrafficFold, type Traffic } from "./census.ts";
import { filesOf, fingerprintOf } from "./config.ts";
import { type Doors, makeDoors } from "./doors.ts";
import { lookNowAndThen } from "./look.ts";
import { pooledName } from "./names.ts";
import { makePace } from "./pace.ts";
import { findPid } from "./pid.ts";
import { listenForPgBouncer, prepareFolders, programOf } from "./prepare.ts";
import { makePooler, type Pooler } from "./process.ts";
import { relay } from "./relay.ts";
import { makeResponder } from "./responder.ts";
import { makeRoster, type Roster, type TlsFiles } from "./roster.ts";
import { poolSecrets } from "./secrets.ts";
import type { Kept, PoolKeeper } from "./types.ts";

export type PooledEndpointOptions = {
  readonly dataDir: string;
  /** The program. */
  readonly bin: string;
  /** Whom PgBouncer runs as; null: as we are. */
  readonly user: OsUser | null;
  readonly port: number;
  /** Default: this machine only. */
  readonly addresses?: readonly string[];
  readonly tls?: TlsFiles;
  readonly keeper: PoolKeeper;
  /** What an unknown role is answered with: a verifier as Postgres stores them, the same at every attempt. */
  readonly mockVerifier: (id: string, role: string) => string;
  /** Bytes of clients that passed since the last call. */
  readonly onTraffic?: (id: DatabaseId, traffic: Traffic) => void;
  /** Clients at a time; fewer where the system lends fewer files. */
  readonly maxClients?: number;
  readonly observe: Observe;
  readonly clock?: Clock;
  /** After which it lets go of server connections that nobody uses: before, their database does not sleep. Default: 20. */
  readonly serverIdleSeconds?: number;
  /** How often PgBouncer is asked what passed. */
  readonly lookEveryMs?: number;
};

export type PooledEndpoint = {
  /**
   * Before a suspend, while `enter` waits: closes the door and says whether PgBouncer holds no connection of the instance. When it
   * does (somebody works, or did so within the last 20 s), the suspend has to be given up.
   */
  vacate(id: DatabaseId): Promise<boolean>;
  /** Of PgBouncer: clients that are connected, and connections to servers. */
  connections(): Promise<{ readonly clients: number; readonly servers: number }>;
  state(): { readonly up: boolean; readonly databases: number; readonly straight: number };
  /** Takes in what changed now, not in a moment. */
  sync(): Promise<void>;
  /**
   * PgBouncer goes on; sleeping databases wait for the next gateway. Connections that pass us end when they are idle, at the limit
   * all of them.
   */
  close(limitMs?: number): Promise<void>;
};

/** Opens it. A PgBouncer that does not start is a fault that is observed and tried again, no failure of this. */
export async function openPooledEndpoint(options: PooledEndpointOptions): Promise<PooledEndpoint> {
  const { dataDir, user, observe, clock = systemClock } = options;
  const settings = await prepareFolders(options);
  const files = filesOf(settings.folder);
  const logFile = join(dataDir, "log", "pgbouncer.log");
  const secrets = await poolSecrets(settings.folder);

  const holds = new Map<DatabaseId, Kept>();
  /** Instances that PgBouncer may have connections to. */
  const visited = new Set<DatabaseId>();
  const release = (id: DatabaseId) => {
    holds.get(id)?.leave();
    holds.delete(id);
  };
  const [closing, closed] = [new AbortController(), new AbortController()];
  const relayed = new Map<Socket, Promise<void>>();
  const onStanding = (id: DatabaseId, entered: Kept) => {
    if (!entered.confirm()) return;
    doors.straighten(id, entered.socketPath);
    if (holds.has(id)) return;
    entered.share();
    holds.set(id, entered);
  };
  const onConnection = (id: DatabaseId, socket: Socket) => {
    visited.add(id);
    const served = relay(id, socket, {
      ...{ keeper: options.keeper, clock, onStanding, stopping: closing.signal },
      expiryOf: async (one) => {
        const gate = await gateOf(dataDir, one);
        return gate && expiryOf(gate, clock.now());
      },
    });
    relayed.set(socket, served);
    void served.finally(() => relayed.delete(socket));
  };
  const doors: Doors = makeDoors({ dataDir, user, onConnection });

  const responder = makeResponder({
    password: secrets.auth,
    pace: makePace(async (id) => (await gateOf(dataDir, id))?.limits.connectionsPerSecond, clock),
    verifierOf: async (id, role) => {
      const known = (await gateOf(dataDir, id))?.roles;
      const own = known !== undefined && Object.hasOwn(known, role) ? known[role]?.verifier : undefined;
      return own ?? options.mockVerifier(id, role);
    },
  });
  await listenForPgBouncer(settings.responderDir, user, (path) => responder.listen(path));

  const traffic = makeTrafficFold();
  const pooler: Pooler = makePooler({
    ...{ bin: options.bin, dataDir, user, observe, addresses: settings.addresses, port: settings.port },
    iniFile: files.ini,
    consolePath: join(settings.socketDir, `.s.PGSQL.${settings.port}`),
    consolePassword: secrets.console,
    fingerprint: fingerprintOf(settings, await programOf(options.bin)),
    logFile,
    // whatever it did before us, and with connections that we have not seen
    onUp: (how) => {
      if (how === "started") traffic.began();
      if (how === "inherited") traffic.inherited();
      for (const id of roster.ids()) visited.add(id);
    },
  });
  const roster: Roster = makeRoster({
    ...{ dataDir, user, settings, secrets, doors, observe, tls: options.tls },
    reload: () => pooler.reload(),
    onGone: (id) => {
      release(id);
      visited.delete(id);
    },
  });
  await roster.sync();
  await doors.prune();
  await pooler.begin();

  const census = coalesced(async () => connectionsIn(await pooler.ask("SHOW DATABASES")));
  const looks = lookNowAndThen(options, { pooler, roster, doors, holds, release, traffic, logFile });
  return {
    async vacate(id) {
      if (closing.signal.aborted) return false; // nobody would close the door again
      if (!doors.has(id)) return true;
      await doors.guard(id);
      if (visited.has(id) && !(await isEmpty(id, pooler, census, dataDir))) return false;
      visited.delete(id);
      release(id);
      return true;
    },
    async connections() {
      const lists = new Map((await pooler.ask("SHOW LISTS")).map(({ list, items }) => [list, Number(items)]));
      return { clients: lists.get("used_clients") ?? 0, servers: lists.get("used_servers") ?? 0 };
    },
    state: () => ({
      up: pooler.isUp(),
      databases: roster.ids().length,
      straight: roster.ids().filter((id) => doors.isStraight(id)).length,
    }),
    sync: () => roster.sync(),
    async close(limitMs = 5_000) {
      closing.abort();
      await looks.close();
      roster.close();
      await pooler.close();
      await responder.close();
      await Promise.race([Promise.all(relayed.values()), clock.sleep(limitMs, closed.signal)]);
      closed.abort();
      for (const socket of relayed.keys()) socket.destroy();
      await doors.close();
      for (const id of [...holds.keys()]) release(id);
    },
  };
}

const gateOf = (dataDir: string, id: string) => readGate(dataDir, id as DatabaseId).catch(() => undefined);

/** Whether PgBouncer has no connection of the instance. Asked after the door was closed: what it opens later comes to us. */
async function isEmpty(
  id: DatabaseId,
  pooler: Pooler,
  census: () => Promise<ReadonlyMap<string, number>>,
  dataDir: string,
): Promise<boolean> {
  if (!pooler.isUp()) return (await findPid(dataDir)) === undefined;
  const counted = await census().catch(() => undefined);
  return counted !== undefined && (counted.get(pooledName(id)) ?? 0) === 0;
}
