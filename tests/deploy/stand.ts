/** A deployer over a ledger and a data folder of its own, with the real Pulumi command and real databases. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeLocalDriver } from "../../platform/compute/index.ts";
import { makeVault, type Observation, Secret } from "../../platform/core/index.ts";
import {
  type DatabaseSpec,
  defaultQuota,
  type ProjectSpec,
  resolveDatabase,
  resolveProject,
  specHash,
} from "../../platform/spec/index.ts";
import {
  enqueueOperation,
  getOperation,
  isEnded,
  type NewOperation,
  type Operation,
  putFleet,
  recordWanted,
} from "../../platform/store/index.ts";
import { type Deployer, type DeployerOptions, makeDeployer } from "../../reconciler/deploy/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

export type Stand = Awaited<ReturnType<typeof makeStand>>;

export async function makeStand() {
  const db: TestDatabase = await testDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), "nebula-deploy-"));
  chmodSync(dataDir, 0o711);
  const masterKey = new Secret(randomBytes(32).toString("base64"));
  const vault = makeVault(masterKey);
  const pgBin = process.env.NEBULA_PG_BIN ?? "";
  const pulumiBin = process.env.NEBULA_PULUMI_BIN;
  if (pulumiBin === undefined) throw new Error("no pulumi command: `./nebula test` prepares one, or put it on PATH");
  const driver = await makeLocalDriver({ dataDir, pgBin, vault, spares: 0 });
  await driver.prepare();
  const observations: Observation[] = [];
  const deployers = new Set<Deployer>();
  const tenant = `t${randomBytes(4).toString("hex")}`;

  const deployer = async (options: Partial<DeployerOptions> = {}): Promise<Deployer> => {
    const made = await makeDeployer({
      ...{ sql: db.sql, ledgerUrl: db.url, vault, dataDir, pgBin, pulumiBin, concurrency: 1 },
      observe: (observation) => observations.push(observation),
      ...options,
    });
    deployers.add(made);
    return made;
  };

  return {
    ...{
      db,
      sql: db.sql,
      dataDir,
      vault,
      masterKey,
      pgBin,
      pulumiBin,
      driver,
      observations,
      tenant,
      deployer,
    },
    /** What the source stage does: records what Git wants and queues its deployment. */
    async want(spec: ProjectSpec, more: Partial<NewOperation> = {}): Promise<Operation> {
      const commit = randomBytes(20).toString("hex");
      const hash = specHash(spec);
      const stack = `${spec.tenant}.${spec.project}` as const;
      await addRepository(db.sql);
      await recordWanted(db.sql, {
        ...{ kind: "spec", tenant: spec.tenant, project: spec.project, repository: "repo_1", commit, tree: hash },
        ...{ spec, hash, unsettled: true },
      });
      return enqueueOperation(db.sql, { stack, type: "DEPLOY", commit, params: { hash }, requestedBy: "t", ...more });
    },
    ended: (id: string, timeoutMs = 60_000): Promise<Operation> =>
      eventually(
        `operation ${id} ends`,
        async () => {
          const operation = await getOperation(db.sql, id);
          return operation !== undefined && isEnded(operation) ? operation : undefined;
        },
        { timeoutMs },
      ),
    async close() {
      for (const one of deployers) await one.close();
      for (const { id } of await driver.list()) {
        await driver.stop(id, "immediate").catch(() => undefined);
      }
      await driver.close();
      await db.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function addRepository(sql: TestDatabase["sql"]): Promise<void> {
  await sql.query(
    `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
     values ('repo_1', 'nebula', 'tenants', '', '', '', '') on conflict do nothing`,
  );
  await putFleet(sql, {
    ...{ repository: "repo_1", commit: "c", inputs: "i", tenants: [], problems: [] },
    fleet: {
      quotas: { standard: defaultQuota },
      priceBook: {
        ...{ id: "p", currency: "USD" },
        prices: {
          ...{ computeUnitHourMicros: 1, storageGibMonthMicros: 1, backupGibMonthMicros: 1 },
          ...{ egressGibMicros: 1, apiMillionRequestsMicros: 1 },
        },
      },
      policies: {
        ...{ requiredTags: [], allowedExtensions: [], maxUnitsPerDatabase: 8 },
        ...{
          minBackupRetentionSeconds: 0,
          allowPublicNetwork: false,
          unreviewed: "stop",
          retireGraceSeconds: 0,
          drift: "report",
          prune: { databases: 1, percent: 10 },
        },
      },
      providers: [{ name: "local", placement: "local", region: "local", engines: ["postgres"] }],
    },
  });
}

export function database(name: string, options: object = {}): DatabaseSpec {
  const resolved = resolveDatabase({ engine: "postgres", name, options: { version: "18", ...options } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}

export function project(tenant: string, name: string, databases: readonly DatabaseSpec[]): ProjectSpec {
  const resolved = resolveProject(tenant, name, {}, databases);
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}
