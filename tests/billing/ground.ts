/** A ledger with a fleet that has prices, and hours of usage in months that are long over. */
import type { PriceBook, TenantSpec } from "../../platform/spec/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import { putFleet, putRepository } from "../../platform/store/index.ts";
import { fleetWith } from "../portal/deployed.ts";

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
export const may = { month: "2024-05", fromMs: Date.UTC(2024, 4), toMs: Date.UTC(2024, 5) };
/** Long after every hour of May and June was final. */
export const later = Date.UTC(2024, 8, 15);
export const commit = "c".repeat(40);

export const prices: PriceBook = {
  id: "list-1",
  currency: "USD",
  prices: {
    computeUnitHourMicros: 120_000,
    storageGibMonthMicros: 150_000,
    backupGibMonthMicros: 50_000,
    egressGibMicros: 80_000,
    apiMillionRequestsMicros: 300_000,
  },
};

export type Declared = { readonly tenant: string; readonly plan: string };

type Declaration = { readonly book?: PriceBook; readonly tenants?: readonly Declared[]; readonly repository?: string };

/** The fleet of a repository in force from now on. */
export async function declare(
  sql: Pool,
  { book = prices, tenants = [{ tenant: "shop", plan: "standard" }], repository = "repo_1" }: Declaration = {},
): Promise<void> {
  const name = repository === "repo_1" ? "tenants" : repository;
  await putRepository(sql, {
    ...{ id: repository, owner: "nebula", name, defaultBranch: "main" },
    ...{ apiUrl: "http://127.0.0.1:1/api/v3", gitUrl: `http://127.0.0.1:1/nebula/${name}.git` },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "-", botTokenSealed: "-" },
  });
  const row = fleetWith({ standard: { cpuUnits: 10, memoryBytes: 2 ** 34, storageBytes: 2 ** 37, databases: 10 } });
  await putFleet(sql, {
    ...row,
    repository,
    fleet: { ...row.fleet, priceBook: book },
    tenants: tenants.map(({ tenant, plan }): TenantSpec => ({ tenant, plan, displayName: tenant, members: [] })),
  });
}

export type Hour = {
  readonly tenant?: string;
  readonly project?: string;
  readonly database?: string;
  readonly meter?: string;
  /** Hours after the beginning of the month. */
  readonly hour?: number;
  readonly fromMs?: number;
  readonly quantity?: string;
  readonly commits?: readonly string[];
};

/** Hours as the roll-up leaves them. Default: an hour of one unit of shop/store/orders. */
export async function use(sql: Pool, ...hours: readonly Hour[]): Promise<void> {
  const rows = hours.map((one) => {
    const start = new Date((one.fromMs ?? may.fromMs) + (one.hour ?? 0) * hourMs);
    return {
      ...{ tenant: one.tenant ?? "shop", project: one.project ?? "store", database: one.database ?? "orders" },
      ...{ meter: one.meter ?? "compute_unit_seconds", quantity: one.quantity ?? "3600" },
      ...{ start, end: new Date(start.getTime() + hourMs), commits: one.commits ?? [commit] },
    };
  });
  await sql.query(
    `insert into usage_records (tenant, project, database, meter, window_start, window_end, quantity, source, commits)
     select r.tenant, r.project, r.database, r.meter, r.start, r."end", r.quantity, 'sampled', r.commits
     from jsonb_to_recordset($1::jsonb) as r (tenant text, project text, database text, meter text, start timestamptz,
       "end" timestamptz, quantity numeric, commits text[])`,
    [JSON.stringify(rows)],
  );
}

export const forget = (sql: Pool): Promise<unknown> =>
  sql.query(`truncate billing_deliveries, billing_consumers, billing_events, credit_uses, credits, invoice_lines, invoices, billing_problems,
    tenant_plans, pull_costs, usage_records, usage_samples, usage_pending, usage_days, usage_months, settings, pulls, operations,
    projects, fleets restart identity cascade;
    update usage_folded set seq = 0; update invoice_series set next = 1`);
