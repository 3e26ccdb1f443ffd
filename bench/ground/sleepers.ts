/** Databases that sleep, and the two ways to their first row: a bare `postgres` that is started and asked, and ours. */
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Keeper, type KeeperState, makeKeeper, type Suspension } from "../../gateway/keeper/index.ts";
import { findPostgres, quiet, resolvePostgres } from "../../launcher/index.ts";
import {
  type InstanceObserved,
  type InstanceRunner,
  type InstanceWanted,
  type LocalDriver,
  limitsFor,
  makeLocalDriver,
  makeLocalRunner,
  ownerOf,
} from "../../platform/compute/index.ts";
import { makeVault, type Scope, Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, socketAddress } from "../../platform/sql/index.ts";

const password = new Secret("a password of a bench");

export type Sleeper = { readonly wanted: InstanceWanted; readonly observed: InstanceObserved };

export type Sleepers = {
  readonly dataDir: string;
  readonly driver: LocalDriver;
  readonly runner: InstanceRunner;
  add(changes?: Partial<InstanceWanted>): Promise<Sleeper>;
  /** Starts its server with nothing of ours around it, and asks: milliseconds to the first row. */
  bare(sleeper: Sleeper): Promise<number>;
};

export async function makeSleepers(scope: Scope): Promise<Sleepers> {
  const home = scope.add(mkdtempSync(join(tmpdir(), "nebula-bench-sleep-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  chmodSync(home, 0o711); // where root runs it, Postgres is another user
  const dataDir = join(home, "data");
  const { binDir: pgBin } = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  const vault = makeVault(new Secret(Buffer.alloc(32, 5).toString("base64")));
  const driver = scope.add(await makeLocalDriver({ dataDir, pgBin, vault, spares: 0 }), async (it) => {
    for (const { id } of await it.list()) await it.stop(id, "immediate");
    await it.close();
  });
  const log = openSync(join(home, "bare.log"), "a");
  let made = 0;
  return {
    ...{ dataDir, driver },
    runner: await makeLocalRunner({ dataDir, pgBin }),
    async add(changes = {}) {
      made += 1;
      const wanted: InstanceWanted = {
        ...{ id: `bench.sleep.db${made}`, version: "18", units: 0.25, databaseName: "orders" },
        ...{ ownerRole: "orders", ownerPassword: password, roles: [], extensions: [], allowFrom: [], tags: {} },
        ...{ storageBytes: 2 ** 40, suspendAfterSeconds: 0, limits: limitsFor(0.25), ...changes },
      };
      return { wanted, observed: await driver.ensure(wanted) };
    },
    async bare({ wanted, observed }) {
      const began = performance.now();
      const args = [
        "-D",
        join(observed.dataDir, "pgdata"),
        "-c",
        `config_file=${join(observed.dataDir, "postgresql.conf")}`,
      ];
      const user = await ownerOf(join(observed.dataDir, "pgdata"));
      const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
      spawn(join(pgBin, "postgres"), args, {
        ...identity,
        cwd: "/",
        detached: true,
        stdio: ["ignore", log, log],
      }).unref();
      const socketPath = join(observed.host, `.s.PGSQL.${observed.socketPort}`);
      await untilItTakes(socketPath, wanted);
      return performance.now() - began;
    },
  };
}

/** As a client that knows nothing: again and again. A server that still starts refuses with 57P03. */
async function untilItTakes(socketPath: string, wanted: InstanceWanted): Promise<void> {
  for (const deadline = performance.now() + 30_000; ; ) {
    try {
      return await firstRow(socketAddress(socketPath), wanted);
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** Connects, signs in, asks. */
export async function firstRow(
  at: { host: string; port: number },
  { ownerRole, databaseName }: InstanceWanted,
): Promise<void> {
  await connectOnce(connectionUrl({ ...at, user: ownerRole, password, database: databaseName }), (sql) =>
    sql.one("select 1"),
  );
}

/** A gateway without a wire: what comes to a port of its own waits for the keeper, and is piped. */
export async function makeRelay(keeper: Keeper, { wanted: { id } }: Sleeper): Promise<{ port: number; close(): void }> {
  const server = createServer({ pauseOnConnect: true, noDelay: true }, async (client) => {
    client.on("error", () => undefined);
    const entered = await keeper.enter(id, "direct").catch(() => undefined);
    if (entered === undefined) return void client.destroy();
    const upstream = connect(entered.socketPath, () => {
      entered.confirm();
      client.on("data", () => entered.touch());
      client.pipe(upstream).pipe(client);
    });
    upstream.on("error", () => client.destroy());
    client.on("close", () => {
      upstream.destroy();
      entered.leave();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, close: () => void server.close() };
}

/** Lends a keeper that suspends as it is told. */
export async function withKeeper<T>(
  { dataDir, runner }: Sleepers,
  suspension: Partial<Suspension>,
  body: (keeper: Keeper) => Promise<T>,
): Promise<T> {
  const keeper = makeKeeper({
    dataDir,
    runner,
    suspension: { sweepMs: 5, lookAroundMs: 1000, atOnce: 4, ...suspension },
  });
  try {
    await keeper.start();
    return await body(keeper);
  } finally {
    await keeper.close();
  }
}

export async function becomes(keeper: Keeper, ids: readonly DatabaseId[], state: KeeperState): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (ids.some((id) => keeper.state(id) !== state)) {
    if (performance.now() > deadline) throw new Error(`${ids.join(", ")} did not become ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
