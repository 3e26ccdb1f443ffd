/** A ledger in which shop/store was declared and deployed: for tests that need something to act on and no Git host. */
import { databaseId, type ProjectSpec, type Quota, resolveDatabase, specHash } from "../../platform/spec/index.ts";
import type { Pool, Sql } from "../../platform/sql/index.ts";
import {
  type FleetRow,
  putRepository,
  recordApplied,
  recordInstance,
  recordStatus,
  recordWanted,
  reserveInstance,
} from "../../platform/store/index.ts";

export type Deployed = { readonly sql: Pool; readonly spec: ProjectSpec };

const commit = "a".repeat(40);

export async function deployShop(sql: Pool, names: readonly string[]): Promise<Deployed> {
  await putRepository(sql, {
    ...{ id: "repo_1", owner: "nebula", name: "tenants", defaultBranch: "main" },
    ...{ apiUrl: "http://127.0.0.1:1/api/v3", gitUrl: "http://127.0.0.1:1/nebula/tenants.git" },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "-", botTokenSealed: "-" },
  });
  const spec = projectOf(names.map(declared));
  const hash = specHash(spec);
  const at = { tenant: "shop", project: "store", repository: "repo_1", commit, tree: hash };
  await recordWanted(sql, { ...at, kind: "spec", spec, hash, unsettled: false });
  await recordApplied(sql, "shop.store", { commit, spec, hash });
  await recordStatus(sql, "shop.store", { status: "Ready", reason: "Applied", message: "" });
  await sql.tx(async (tx) => {
    for (const database of spec.databases) await runs(tx, database);
  });
  return { sql, spec };
}

export const projectOf = (databases: ProjectSpec["databases"]): ProjectSpec => ({
  ...{ tenant: "shop", project: "store", placement: "local", region: "local", quota: null, databases },
});

export function declared(name: string): ProjectSpec["databases"][number] {
  const resolved = resolveDatabase({ engine: "postgres", name, options: { version: "18" } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}

/** A fleet in force, with the quotas of its plans. */
export const fleetWith = (quotas: Readonly<Record<string, Quota>>): FleetRow => ({
  ...{ repository: "repo_1", commit, inputs: JSON.stringify(quotas), problems: [] },
  tenants: [{ tenant: "shop", displayName: "Shop", plan: "standard", members: [] }],
  fleet: {
    quotas,
    priceBook: {
      ...{ id: "2026-01", currency: "USD" },
      prices: {
        ...{ computeUnitHourMicros: 120_000, storageGibMonthMicros: 150_000, backupGibMonthMicros: 50_000 },
        ...{ egressGibMicros: 80_000, apiMillionRequestsMicros: 300_000 },
      },
    },
    policies: {
      ...{ requiredTags: [], allowedExtensions: [], maxUnitsPerDatabase: 16, minBackupRetentionSeconds: 0 },
      ...{ allowPublicNetwork: false, unreviewed: "stop", drift: "heal", retireGraceSeconds: 0 },
      prune: { databases: 1, percent: 10 },
    },
    providers: [{ name: "here", placement: "local", region: "local", engines: ["postgres"] }],
  },
});

/** An instance as a deployment leaves it. */
export async function runs(tx: Sql, spec: ProjectSpec["databases"][number], tenant = "shop"): Promise<void> {
  const id = databaseId(tenant, "store", spec.name);
  await reserveInstance(tx, { id, stack: `${tenant}.store`, placement: "local", spec, fence: 1, commit });
  await recordInstance(tx, { id, fence: 1, phase: "Ready", spec, commit, host: "127.0.0.1" });
}
