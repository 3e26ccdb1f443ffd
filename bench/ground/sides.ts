/** Ground to measure on, and the plain side of bench/merge-to-ready: the same program run by plain Automation API. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { findPostgres, quiet, resolvePostgres, resolvePulumi } from "../../launcher/index.ts";
import { Project } from "../../platform/components/index.ts";
import { type LocalDriver, limitsFor, makeLocalDriver, makePostgresServer } from "../../platform/compute/index.ts";
import { makeVault, openScope, type Scope, Secret, type Vault } from "../../platform/core/index.ts";
import { type DatabaseInputs, type Effects, idOf, serveProvider } from "../../platform/provider/index.ts";
import { objectNames, type ProjectSpec, resolveDatabase, resolveProject } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, makePool, type Pool } from "../../platform/sql/index.ts";
import { makePassword, migrate } from "../../platform/store/index.ts";

export type Ground = {
  readonly scope: Scope;
  readonly sql: Pool;
  readonly ledgerUrl: Secret;
  readonly dataDir: string;
  readonly pgBin: string;
  readonly pulumiBin: string;
  readonly vault: Vault;
  readonly masterKey: Secret;
  readonly driver: LocalDriver;
};

/** A ledger, a data folder and a prepared driver of their own, in a temporary folder. */
export async function openGround(port: number): Promise<Ground> {
  const scope = openScope();
  const home = scope.add(mkdtempSync(join(tmpdir(), "nebula-bench-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  chmodSync(home, 0o711);
  const postgres = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  const { path: pulumiBin } = await resolvePulumi(process.env, quiet);
  const pgBin = postgres.binDir;
  const server = scope.add(
    await makePostgresServer({
      ...{ pgBin, port, password: new Secret("bench"), databases: ["nebula"] },
      ...{ dataDir: join(home, "ledger"), socketDir: join(home, "run") },
    }),
    (it) => it.stop("immediate"),
  );
  await server.start();
  const ledgerUrl = server.url("nebula");
  const sql = scope.add(makePool({ url: ledgerUrl, applicationName: "bench" }), (pool) => pool.close());
  await migrate(sql);
  const masterKey = new Secret(randomBytes(32).toString("base64"));
  const vault = makeVault(masterKey);
  const dataDir = join(home, "data");
  const driver = scope.add(await makeLocalDriver({ dataDir, pgBin, vault }), async (it) => {
    for (const { id } of await it.list()) await it.stop(id, "immediate");
    await it.close();
  });
  await driver.prepare();
  return { scope, sql, ledgerUrl, dataDir, pgBin, pulumiBin, vault, masterKey, driver };
}

/** A project of one database, as a first merge declares it. */
export function oneDatabase(tenant: string, project: string): ProjectSpec {
  const database = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18" } });
  if (database.kind !== "ok") throw new Error(JSON.stringify(database.problems));
  const resolved = resolveProject(tenant, project, {}, [database.spec]);
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}

export type Side = {
  /** Deploys a project and resolves at the first answered query of its database. Milliseconds by part. */
  run(spec: ProjectSpec): Promise<{ readonly readyMs: number; readonly parts: Readonly<Record<string, number>> }>;
  close(): Promise<void>;
};

async function firstAnswer(host: string, password: Secret): Promise<void> {
  const { database, ownerRole: user } = objectNames("t", "p", "orders");
  await connectOnce(connectionUrl({ host, port: 5432, user, password, database }), (sql) => sql.query("select 1"));
}

/** What the SDK's documentation shows, in a process that has loaded it, with the same provider, driver and kind of state. */
export async function plainSide({ driver, ledgerUrl, pulumiBin, sql, dataDir }: Ground): Promise<Side> {
  const { LocalWorkspace } = await import("@pulumi/pulumi/automation/index.js");
  const passwords = new Map<string, Secret>();
  const provider = await serveProvider(() => driverEffects(driver, passwords));
  await sql.query("create schema if not exists plain");
  const state = new URL(ledgerUrl.reveal());
  state.search = `?sslmode=disable&options=${encodeURIComponent("-c search_path=plain")}`;
  const envVars = {
    PATH: `${dirname(pulumiBin)}:${process.env.PATH}`,
    PULUMI_BACKEND_URL: state.href,
    PULUMI_CONFIG_PASSPHRASE: "bench",
    PULUMI_DEBUG_PROVIDERS: `nebula:${provider.port}`,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_HOME: join(dataDir, "plain-home"),
    PULUMI_SKIP_UPDATE_CHECK: "1",
  };
  process.env.PATH = envVars.PATH;
  return {
    async run(spec) {
      const began = performance.now();
      const program: PulumiFn = async () => ({ databases: new Project(spec).databases });
      const stackName = `${spec.tenant}.${spec.project}`;
      const stack = await LocalWorkspace.createOrSelectStack(
        { stackName, projectName: "nebuladb", program },
        { envVars },
      );
      const selectMs = performance.now() - began;
      const { outputs } = await stack.up();
      const upMs = performance.now() - began - selectMs;
      const made = outputs.databases?.value as Readonly<Record<string, { readonly host: string }>> | undefined;
      await firstAnswer(made?.orders?.host ?? "", passwords.get(`${stackName}.orders`) ?? new Secret(""));
      return { readyMs: performance.now() - began, parts: { selectMs, upMs } };
    },
    close: async () => provider.close(),
  };
}

export function driverEffects(driver: LocalDriver, passwords: Map<string, Secret>): Effects {
  return {
    async ensure(inputs: DatabaseInputs) {
      const id = idOf(inputs);
      const { database, ownerRole } = objectNames(inputs.tenant, inputs.project, inputs.name);
      const ownerPassword = makePassword();
      passwords.set(id, ownerPassword);
      const { version, extensions, allowFrom, storageBytes, tags, compute } = inputs;
      const { host } = await driver.ensure({
        ...{ id, version, extensions, allowFrom, storageBytes, tags, ownerPassword, ownerRole },
        ...{ units: compute.maxUnits, databaseName: database, roles: [] },
        ...{ suspendAfterSeconds: compute.suspendAfterSeconds, limits: limitsFor(compute.maxUnits) },
      });
      return { host, database, owner: ownerRole, credentialRef: "" };
    },
    read: async () => undefined,
    remove: async () => undefined,
    admit: async () => undefined,
  };
}

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
