/** Ground for tests of the pooled endpoint: real instances, a real PgBouncer, and a keeper that starts and stops at the test's word. */
import { createHmac } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import {
  type Entered,
  openPooledEndpoint,
  type PooledEndpoint,
  type PooledEndpointOptions,
  type PoolKeeper,
  stopPgBouncer,
} from "../../gateway/pool/index.ts";
import { type InstanceWanted, resolveOsUser } from "../../platform/compute/index.ts";
import { asNebulaError, type Observation } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";
import { freePort } from "../harness/ports.ts";

export const pgBouncerBin = (): string => {
  const bin = process.env.NEBULA_PGBOUNCER_BIN;
  if (!bin)
    throw new Error(
      "these tests need PgBouncer 1.24 or newer: `./nebula test` builds it where a C compiler, make and OpenSSL's headers are, or put it on PATH",
    );
  return bin;
};

export type StandInKeeper = PoolKeeper & {
  /** How often each instance was started. */
  readonly starts: ReadonlyMap<DatabaseId, number>;
  readonly entered: readonly DatabaseId[];
  readonly touched: ReadonlyMap<DatabaseId, number>;
  /** Sessions that have not left. */
  open(): number;
  /** Stops an instance as a suspend would; false when the pool says that somebody works. */
  suspend(id: DatabaseId): Promise<boolean>;
};

/** One start for any number of callers; `suspend` first asks the pool to vacate, while `enter` waits. */
export function standInKeeper({ driver }: Ground, pool: () => PooledEndpoint | undefined): StandInKeeper {
  const [starts, touched] = [new Map<DatabaseId, number>(), new Map<DatabaseId, number>()];
  const entered: DatabaseId[] = [];
  const moves = new Map<DatabaseId, Promise<unknown>>();
  const generations = new Map<DatabaseId, number>();
  let sessions = 0;
  const count = (map: Map<DatabaseId, number>, id: DatabaseId) => map.set(id, (map.get(id) ?? 0) + 1);
  const move = <T>(id: DatabaseId, body: () => Promise<T>): Promise<T> => {
    const next = (moves.get(id) ?? Promise.resolve()).catch(() => undefined).then(body);
    moves.set(id, next);
    return next;
  };
  return {
    ...{ starts, touched, entered, open: () => sessions },
    async enter(id): Promise<Entered> {
      entered.push(id);
      const observed = await move(id, async () => {
        const before = await driver.observe(id);
        if (before?.running === true) return before;
        const started = await driver.start(id);
        count(starts, id);
        return started;
      });
      sessions += 1;
      const generation = generations.get(id);
      let isOpen = true;
      return {
        socketPath: join(observed.host, `.s.PGSQL.${observed.socketPort}`),
        touch: () => void count(touched, id),
        confirm: () => generations.get(id) === generation,
        leave: () => {
          if (isOpen) sessions -= 1;
          isOpen = false;
        },
      };
    },
    suspend: (id) =>
      move(id, async () => {
        if ((await pool()?.vacate(id)) === false) return false;
        count(generations, id);
        await driver.stop(id);
        return true;
      }),
  };
}

export type PoolGround = {
  readonly ground: Ground;
  readonly keeper: StandInKeeper;
  readonly port: number;
  readonly observations: readonly Observation[];
  pool(): PooledEndpoint;
  /** A new gateway over the same data folder; PgBouncer goes on. */
  reopen(changes?: Partial<PooledEndpointOptions>): Promise<void>;
  /** Makes an instance and waits until the pooled endpoint has it. */
  add(changes?: Partial<InstanceWanted>): Promise<InstanceWanted>;
  /** A client of the npm package `pg`, connected. The caller ends it, or `clear` does. */
  connect(wanted: InstanceWanted, changes?: pg.ClientConfig): Promise<pg.Client>;
  clear(): Promise<void>;
};

type GroundOptions = Partial<Omit<PooledEndpointOptions, "keeper">> & {
  readonly keeper?: (ground: Ground, pool: () => PooledEndpoint | undefined) => PoolKeeper;
};

export async function makePoolGround(options: GroundOptions = {}): Promise<PoolGround> {
  const ground = await makeGround({ spares: 0 });
  const observations: Observation[] = [];
  const { keeper: given, ...others } = options;
  const port = await freePort();
  const clients = new Set<pg.Client>();
  let pool: PooledEndpoint | undefined;
  const keeper = standInKeeper(ground, () => pool);
  const open = async (changes: Partial<PooledEndpointOptions> = {}) => {
    pool = await openPooledEndpoint({
      ...{ dataDir: ground.dataDir, bin: pgBouncerBin(), user: await resolveOsUser(), port },
      keeper: given?.(ground, () => pool) ?? keeper,
      ...{ addresses: ["127.0.0.1"], maxClients: 2_000, lookEveryMs: 100 },
      mockVerifier,
      observe: (observation) => void observations.push(observation),
      ...others,
      ...changes,
    });
  };
  await open();
  const current = () => {
    if (pool === undefined) throw new Error("no pooled endpoint is open");
    return pool;
  };
  return {
    ...{ ground, keeper, port, observations, pool: current },
    async reopen(changes) {
      await pool?.close();
      await open(changes);
    },
    async add(changes) {
      const wanted = await wish(changes);
      await ground.driver.ensure(wanted);
      await current().sync();
      return wanted;
    },
    async connect(wanted, changes = {}) {
      const client = new pg.Client({
        ...{ host: "127.0.0.1", port, user: wanted.ownerRole, database: wanted.id },
        ...{ password: wanted.ownerPassword.reveal(), connectionTimeoutMillis: 60_000 },
        ...changes,
      });
      client.on("error", () => undefined);
      clients.add(client);
      await client.connect();
      return client;
    },
    async clear() {
      await Promise.all([...clients].map((client) => client.end().catch(() => undefined)));
      await pool?.close();
      await stopPgBouncer(ground.dataDir);
      await ground.clear();
    },
  };
}

const mockVerifier = (id: string, role: string): string => {
  const bytes = (what: string) => createHmac("sha256", "test").update(`${what}:${id}:${role}`).digest();
  const salt = bytes("salt").subarray(0, 16).toString("base64");
  return `SCRAM-SHA-256$4096:${salt}$${bytes("stored").toString("base64")}:${bytes("server").toString("base64")}`;
};

/** State and message of what a client was refused with. */
export const refusalOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "let in",
    (thrown) => `${thrown.code}: ${asNebulaError(thrown).message}`,
  );
