/**
 * A database as `bench data-api` asks it: a real instance, asleep at first, and gateway/main.ts in front of it, which asks whom a key
 * speaks for where the portal would answer. No portal, no ledger.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres, quiet, resolvePostgres } from "../../launcher/index.ts";
import {
  apiLogin,
  type InstanceWanted,
  limitsFor,
  makeLocalDriver,
  readServiceKey,
} from "../../platform/compute/index.ts";
import { makeVault, type Scope, Secret } from "../../platform/core/index.ts";
import { type ApiSpec, resolveDatabase } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce } from "../../platform/sql/index.ts";
import { startGateway } from "./endpoints.ts";
import { freePort } from "./sides.ts";

export type DataGateway = {
  readonly port: number;
  /** Of the gateway. */
  readonly pid: number;
  /** Before a request's path. */
  readonly prefix: string;
  /** What a client sends. */
  readonly headers: Readonly<Record<string, string>>;
  /** From the first request, at a database that slept, to its answer. */
  readonly wakeMs: number;
  /** As its owner, and as the data API logs in: past the gateway, by the same socket. */
  readonly owner: Secret;
  readonly login: Secret;
};

const id = "bench.store.items";
const owner = "items";
const ownerPassword = new Secret("a-password-of-a-bench");

/** `first` is asked by the gateway once, to wake the database. */
export async function openDataGateway(
  scope: Scope,
  connections: number,
  sql: string,
  first: string,
): Promise<DataGateway> {
  const home = scope.add(mkdtempSync(join(tmpdir(), "nebula-bench-rest-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  chmodSync(home, 0o755); // where root runs it, Postgres is another user
  const dataDir = join(home, "data");
  const { binDir: pgBin } = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  const vault = makeVault(new Secret(Buffer.alloc(32, 5).toString("base64")));
  const driver = scope.add(await makeLocalDriver({ dataDir, pgBin, vault, spares: 0 }), async (it) => {
    for (const one of await it.list()) await it.stop(one.id, "immediate");
    await it.close();
  });
  const wanted: InstanceWanted = {
    ...{ id, version: "18", units: 2, databaseName: "items", ownerRole: owner, ownerPassword, api: declared() },
    ...{ roles: [], extensions: [], allowFrom: [], tags: {}, storageBytes: 2 ** 40, suspendAfterSeconds: 0 },
    limits: { ...limitsFor(2), connections: connections * 4 }, // a quarter is the data API's
  };
  const where = async (user: string, password: Secret | undefined): Promise<Secret> => {
    const seen = await driver.observe(id);
    if (seen === undefined || password === undefined) throw new Error("the instance is not there");
    return connectionUrl({ host: seen.host, port: seen.socketPort, user, password, database: "items" });
  };
  await driver.ensure(wanted);
  const owns = await where(owner, ownerPassword);
  for (const statement of sql.split(";\n")) await connectOnce(owns, (client) => client.query(statement));
  await driver.sleep(id);

  const key = `ndb_live_${"0".repeat(26)}_${"x".repeat(49)}`;
  const [direct, pooled, web, port] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const pid = await startGateway(scope, {
    ...{ NEBULA_DATA: dataDir, NEBULA_PG_BIN: pgBin, NEBULA_PGBOUNCER_BIN: "", NEBULA_LOG_LEVEL: "warn" },
    ...{ NEBULA_GATEWAY_PORT: String(direct), NEBULA_POOL_PORT: String(pooled), NEBULA_GATEWAY_WEB_PORT: String(web) },
    ...{ NEBULA_GATEWAY_API_PORT: String(port), NEBULA_PORTAL_URL: await openAnswerer(scope, key) },
  });
  const prefix = `/${id.replaceAll(".", "/")}/rest/v1`;
  const headers = { apikey: key };
  const beganMs = performance.now();
  const answer = await fetch(`http://127.0.0.1:${port}${prefix}${first}`, { headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`the gateway answered ${answer.status}: ${text}`);
  const wakeMs = performance.now() - beganMs;
  const login = await where(apiLogin, await readServiceKey(dataDir, id, apiLogin));
  return { port, pid, prefix, headers, wakeMs, owner: await where(owner, ownerPassword), login };
}

/** Every limit counts, and none is reached. */
function declared(): ApiSpec {
  const many = 100_000;
  const limits = { perSecond: many, perKeyPerSecond: many, perAddressPerSecond: many, endpoints: { items: many } };
  const api = { limits, cache: { kept: "1h" }, timeout: "30s" };
  const resolved = resolveDatabase({ engine: "postgres", name: "items", options: { version: "18", api } });
  if (resolved.kind === "invalid" || resolved.spec.api === undefined) throw new Error(JSON.stringify(resolved));
  return resolved.spec.api;
}

/** Says of one key what the portal says of a key. */
async function openAnswerer(scope: Scope, key: string): Promise<string> {
  const access = { id: "0".repeat(26), name: "bench", user: "bench", access: "write", expiresAt: null };
  const server = createServer((request, response) => {
    const known = request.url?.startsWith("/api/v1/data-access?") && request.headers["x-nebula-key"] === key;
    response.setHeader("content-type", "application/json").end(JSON.stringify({ access: known ? access : null }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  scope.add(server, (it) => {
    it.closeAllConnections();
    it.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
