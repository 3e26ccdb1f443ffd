/** Ground for tests of the local driver: a folder that Postgres's user may enter, and an end that leaves no process behind. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ComputeDriver, InstanceWanted, LocalDriverOptions, MachineDriver } from "../../platform/compute/index.ts";
import { limitsFor, makeLocalDriver } from "../../platform/compute/index.ts";
import { makeVault, Secret } from "../../platform/core/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";

export const vault = makeVault(new Secret(Buffer.alloc(32, 7).toString("base64")));

export const pgBin = (): string => {
  const bin = process.env.NEBULA_PG_BIN;
  if (bin === undefined) throw new Error("NEBULA_PG_BIN is not set: run the tests through vitest.config.ts");
  return bin;
};

export type Ground = { readonly dataDir: string; readonly driver: MachineDriver; clear(): Promise<void> };

export async function makeGround(options: Partial<LocalDriverOptions> = {}): Promise<Ground> {
  const home = mkdtempSync(join(tmpdir(), "ndb-"));
  chmodSync(home, 0o755);
  const dataDir = join(home, "data");
  const driver = await makeLocalDriver({ dataDir, pgBin: pgBin(), vault, ...options });
  const clear = async () => {
    for (const { id } of await driver.list()) await driver.stop(id, "immediate");
    await driver.close();
    rmSync(home, { recursive: true, force: true });
  };
  return { dataDir, driver, clear };
}

let made = 0;

/** A wish for a small instance that no other test has. */
export async function wish(changes: Partial<InstanceWanted> = {}): Promise<InstanceWanted> {
  made += 1;
  return {
    id: `acme.shop.db${process.pid}-${made}`,
    version: "18",
    units: 0.25,
    databaseName: "orders",
    ownerRole: "orders",
    ownerPassword: new Secret("owner's pass/word ü"),
    roles: [],
    extensions: [],
    allowFrom: [],
    storageBytes: 1024 ** 3,
    tags: {},
    suspendAfterSeconds: 300,
    limits: limitsFor(0.25),
    ...changes,
  };
}

type Login = { readonly user?: string; readonly password?: Secret; readonly database?: string };

type Looking = Pick<ComputeDriver, "observe">;

/** Where an instance is reached on its machine, past the gateway. */
export async function whereIs(driver: Looking, { id }: Pick<InstanceWanted, "id">) {
  const seen = await driver.observe(id);
  if (seen === undefined) throw new Error(`there is no instance ${id}`);
  return { host: seen.host, port: seen.socketPort };
}

/** The address of a tenant's client, with its password. */
export const addressOf = async (driver: Looking, wanted: InstanceWanted, login: Login = {}): Promise<Secret> =>
  connectionUrl({
    ...(await whereIs(driver, wanted)),
    user: login.user ?? wanted.ownerRole,
    password: login.password ?? wanted.ownerPassword,
    database: login.database ?? wanted.databaseName,
  });

/** A tenant's client, as the gateway hands it on: the Unix socket, a password. */
export const asTenant = async <T>(
  driver: Looking,
  wanted: InstanceWanted,
  body: (sql: Sql) => Promise<T>,
  login: Login = {},
): Promise<T> => connectOnce(await addressOf(driver, wanted, login), body, { applicationName: "tenant" });
