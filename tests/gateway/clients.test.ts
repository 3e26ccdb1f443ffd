/**
 * Clients that tenants use, each through both endpoints, TLS verified, each of them waking a database that sleeps. The gateway is a
 * process of its own over a data folder: no portal, no reconciler and no ledger runs.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { stopPgBouncer } from "../../gateway/pool/index.ts";
import { tlsFiles } from "../../gateway/tls/index.ts";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { jdbcDriver, pythonDrivers } from "./client-tools.ts";
import { type GatewayProcess, startGateway } from "./gateway-process.ts";
import { withClient } from "./node-client.ts";

const run = promisify(execFile);
const clients = join(import.meta.dirname, "clients");
const password = "orders-Pa55";

let ground: Ground;
let wanted: InstanceWanted;
let gateway: GatewayProcess;
let ca: string;
let python: string;
let jar: string;
beforeAll(async () => {
  [python, jar] = await Promise.all([pythonDrivers(), jdbcDriver()]);
  ground = await makeGround({ spares: 0 });
  wanted = await wish({ ownerPassword: new Secret(password), suspendAfterSeconds: 3600 });
  await ground.driver.ensure(wanted);
  gateway = await startGateway(ground.dataDir);
  ({ ca } = tlsFiles(ground.dataDir));
}, 400_000);
afterAll(async () => {
  await gateway?.stop();
  await stopPgBouncer(ground.dataDir);
  await ground?.clear();
});

const state = async () => (await ground.driver.observe(wanted.id))?.phase;
beforeEach(async () => {
  await eventually("it sleeps", async () => {
    await ground.driver.sleep(wanted.id);
    return (await state()) === "Asleep";
  });
});

describe.each(["direct", "pooled"] as const)("through the %s endpoint", (which) => {
  const port = () => gateway[which];
  const keywords = () => ({ host: "localhost", port: port(), user: wanted.ownerRole, password });
  const libpq = () => ({ ...keywords(), dbname: wanted.id, sslmode: "verify-full", sslrootcert: ca });
  const pythonSays = async (script: string, keys: Readonly<Record<string, unknown>>) => {
    const args = [join(clients, script), JSON.stringify({ ...keys, pooled: which === "pooled" })];
    const { stdout } = await run("python3", args, { env: { ...process.env, PYTHONPATH: python } });
    return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  };

  it("node's pg wakes it and works", async () => {
    const login = { ...keywords(), database: wanted.id, ssl: { ca: readFileSync(ca, "utf8") } };
    await withClient(login, async (client) => {
      const { rows } = await client.query({ name: "sum", text: "select $1::int + 1 as sum", values: [41] });
      expect(rows).toEqual([{ sum: 42 }]);
    });
    expect(await state()).toBe("Ready");
  });

  it("psycopg wakes it and works", async () => {
    const binding = which === "direct" ? { channel_binding: "require" } : {};
    const said = await pythonSays("psycopg_client.py", { ...libpq(), ...binding });
    expect(said).toEqual({ tls: true, user: "orders", count: 500, max: 499 });
    expect(await state()).toBe("Ready");
  });

  it("asyncpg wakes it and works", async () => {
    const said = await pythonSays("asyncpg_client.py", { ...keywords(), database: wanted.id, ca });
    expect(said).toEqual({
      sums: [
        [11, 12, 13],
        [21, 22, 23],
      ],
      rows: 250,
      code: "22012",
      user: "orders",
    });
    expect(await state()).toBe("Ready");
  });

  it("JDBC wakes it and works", async () => {
    const url = `jdbc:postgresql://localhost:${port()}/${wanted.id}?sslmode=verify-full&sslrootcert=${ca}`;
    const args = ["-cp", jar, join(clients, "JdbcClient.java"), url, wanted.ownerRole, password];
    const { stdout } = await run("java", args);
    expect(JSON.parse(stdout)).toEqual({ sum: 124_750, user: "orders" });
    expect(await state()).toBe("Ready");
  });

  it("pgbench wakes it and works", async () => {
    const { program, target } = await pgbench(libpq());
    const { stdout } = await run(program, [
      ...["--client=4", "--transactions=50", "--protocol=prepared", "--no-vacuum", target],
    ]);
    expect(stdout).toContain("number of transactions actually processed: 200/200");
    expect(stdout).toContain("number of failed transactions: 0");
    expect(await state()).toBe("Ready");
  });
});

/** The system's pgbench, with TLS. The toolchain's own was built without OpenSSL: where there is no other it speaks in clear. */
async function pgbench(libpq: Readonly<Record<string, unknown>>) {
  const initialize = async (program: string, keywords: Readonly<Record<string, unknown>>) => {
    const target = Object.entries(keywords)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ");
    await run(program, ["--initialize", "--scale=1", "--quiet", target]);
    return { program, target };
  };
  return initialize("pgbench", libpq).catch((thrown: Error & { stderr?: string; code?: unknown }) => {
    if (thrown.code !== "ENOENT" && !thrown.stderr?.includes("SSL support is not compiled in")) throw thrown;
    return initialize(join(process.env.NEBULA_PG_BIN ?? "", "pgbench"), { ...libpq, sslmode: "disable" });
  });
}
