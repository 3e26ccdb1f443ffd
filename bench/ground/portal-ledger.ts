/** A ledger as an installation of some size has it: tenants, projects, databases, operations and a day of usage, and who reads it. */
import { issueToken } from "../../platform/identity/index.ts";
import { databaseId, type FleetSpec, type ProjectSpec, resolveDatabase, specHash } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  foldRecords,
  putFleet,
  putRepository,
  recordApplied,
  recordInstance,
  recordStatus,
  recordWanted,
  reserveInstance,
} from "../../platform/store/index.ts";

export type Size = {
  readonly tenants: number;
  readonly projectsEach: number;
  readonly databasesEach: number;
  readonly operations: number;
  readonly hours: number;
  readonly keys: number;
};

export const realistic: Size = {
  tenants: 20,
  projectsEach: 10,
  databasesEach: 5,
  operations: 10_000,
  hours: 12,
  keys: 200,
};

/** Somebody who may read his tenant, with his key. */
export type Reader = { readonly tenant: string; readonly token: string };
export type PortalLedger = { readonly size: Size; readonly readers: readonly Reader[] };

const commit = "a".repeat(40);
const repository = "repo_bench";

export const tenantName = (index: number): string => `tenant-${index}`;
export const projectName = (index: number): string => `project-${index}`;
export const databaseName = (index: number): string => `database-${index}`;

export async function fillLedger(sql: Sql, size: Size = realistic): Promise<PortalLedger> {
  await declare(sql, size);
  for (let tenant = 0; tenant < size.tenants; tenant++)
    for (let project = 0; project < size.projectsEach; project++)
      await deployed(sql, tenantName(tenant), projectName(project), size.databasesEach);
  await work(sql, size);
  await sql.query("analyze");
  const readers: Reader[] = [];
  for (let i = 0; i < size.keys; i++) {
    const tenant = tenantName(i % size.tenants);
    const grant = { name: `reader ${i}`, user: `user-${i}`, tenant, project: null, expiresAt: null };
    const { text } = await issueToken(sql, null, { ...grant, role: "developer" });
    readers.push({ tenant, token: text.reveal() });
  }
  return { size, readers };
}

async function declare(sql: Sql, { tenants }: Size): Promise<void> {
  await putRepository(sql, {
    ...{ id: repository, owner: "bench", name: "tenants", defaultBranch: "main" },
    ...{ apiUrl: "http://127.0.0.1:1/api/v3", gitUrl: "http://127.0.0.1:1/bench/tenants.git" },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "", botTokenSealed: "" },
  });
  const specs = Array.from({ length: tenants }, (_, i) => ({
    ...{ tenant: tenantName(i), displayName: `Tenant ${i}`, plan: "standard" },
    members: [{ user: `user-${i}`, role: "developer" as const, projects: null }],
  }));
  await putFleet(sql, { repository, commit, inputs: "bench", fleet, tenants: specs, problems: [] });
}

async function deployed(sql: Sql, tenant: string, project: string, databases: number): Promise<void> {
  const spec: ProjectSpec = {
    ...{ tenant, project, placement: "local", region: "local", quota: null },
    databases: Array.from({ length: databases }, (_, i) => declared(databaseName(i))),
  };
  const hash = specHash(spec);
  const stack = `${tenant}.${project}`;
  await sql.tx(async (tx) => {
    await recordWanted(tx, {
      ...{ kind: "spec", tenant, project, repository, commit, tree: hash, spec, hash, unsettled: false },
    });
    await recordApplied(tx, stack, { commit, spec, hash });
    await recordStatus(tx, stack, { status: "Ready", reason: "Applied", message: "" });
    for (const database of spec.databases) {
      const id = databaseId(tenant, project, database.name);
      const placement = "local";
      await reserveInstance(tx, { id, stack, placement, spec: database, fence: 1, commit });
      await recordInstance(tx, { id, fence: 1, phase: "Ready", spec: database, commit, host: "127.0.0.1" });
    }
  });
}

function declared(name: string): ProjectSpec["databases"][number] {
  const options = {
    version: "18",
    roles: [{ name: "reports", access: "read", login: true }],
    tags: { owner: "bench" },
  };
  const resolved = resolveDatabase({ engine: "postgres", name, options });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}

/** Operations that ended, closed hours of usage, and half an open one. */
async function work(sql: Sql, { tenants, projectsEach, operations, hours }: Size): Promise<void> {
  await sql.query(
    `insert into operations (id, stack, type, state, requested_by, attempt, outcome, result, created_at, started_at, finished_at)
     select 'op_' || lpad(n::text, 26, '0'), format('tenant-%s.project-%s', n % $2, n / $2 % $3), 'DEPLOY', 'COMPLETED',
       'user-1', 1, 'applied', '{"phases": {"upMs": 700, "claimMs": 4}, "changes": {"create": 1}}',
       now() - make_interval(mins => $1 - n), now() - make_interval(mins => $1 - n), now() - make_interval(mins => $1 - n)
     from generate_series(1, $1::int) n`,
    [operations, tenants, projectsEach],
  );
  await sql.query(
    `insert into usage_records (tenant, project, database, meter, window_start, window_end, quantity, source, commits)
     select i.tenant, i.project, i.database, meter, at, at + interval '1 hour', 3600, 'bench', array[$2]
     from (select split_part(stack, '.', 1) as tenant, split_part(stack, '.', 2) as project, database from instances) i,
       unnest(array['compute_unit_seconds', 'storage_byte_hours']) meter,
       generate_series(date_trunc('hour', now()) - make_interval(hours => $1), date_trunc('hour', now()) - interval '1 hour',
         '1 hour') at`,
    [hours, commit],
  );
  await foldRecords(sql);
  await sql.query(
    `insert into usage_pending (hour, instance, meter, commits, amount, grain)
     select date_trunc('hour', now()), id, meter, array[$1], 30000 * 30, grain
     from instances, (values ('compute_unit_seconds', 1000), ('storage_byte_hours', 3600000)) m (meter, grain)`,
    [commit],
  );
}

const fleet: FleetSpec = {
  quotas: { standard: { cpuUnits: 100, memoryBytes: 2 ** 38, storageBytes: 2 ** 40, databases: 100 } },
  priceBook: {
    ...{ id: "2026-01", currency: "USD" },
    prices: {
      computeUnitHourMicros: 120_000,
      storageGibMonthMicros: 150_000,
      backupGibMonthMicros: 50_000,
      egressGibMicros: 80_000,
      apiMillionRequestsMicros: 300_000,
    },
  },
  policies: {
    ...{ requiredTags: [], allowedExtensions: [], maxUnitsPerDatabase: 16, minBackupRetentionSeconds: 0 },
    ...{
      allowPublicNetwork: false,
      unreviewed: "stop",
      retireGraceSeconds: 0,
      drift: "report",
      prune: { databases: 1, percent: 10 },
    },
  },
  providers: [{ name: "here", placement: "local", region: "local", engines: ["postgres"] }],
};
