/** A ledger whose tenants say what a month may cost and who is told; and the clock of a test. */
import type { Clock } from "../../platform/core/index.ts";
import type { BudgetSpec, ChannelSpec, PriceBook } from "../../platform/spec/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import { listFleets, putFleet } from "../../platform/store/index.ts";
import { declare, forget } from "./ground.ts";

export type Watched = { readonly budgets?: readonly BudgetSpec[]; readonly notify?: readonly ChannelSpec[] };

/** Declares tenants on the standard plan, and what they watch. */
export async function declareWatched(
  sql: Pool,
  tenants: Readonly<Record<string, Watched>>,
  book?: PriceBook,
): Promise<void> {
  await declare(sql, {
    ...(book === undefined ? {} : { book }),
    tenants: Object.keys(tenants).map((tenant) => ({ tenant, plan: "standard" })),
  });
  const [fleet] = await listFleets(sql);
  if (fleet === undefined) throw new Error("no fleet");
  await putFleet(sql, { ...fleet, tenants: fleet.tenants.map((spec) => ({ ...spec, ...tenants[spec.tenant] })) });
}

export async function forgetWatched(sql: Pool): Promise<void> {
  await forget(sql);
  await sql.query(`truncate notifications, notification_messages, budget_alerts, cost_anomalies, held_databases, holds, payment_customers,
    payment_invoices, payment_events, payment_usage, payment_usage_rest, payment_checks, payment_standings,
    instances restart identity cascade`);
}

/** Every topic, as where a channel names none. */
export const everything = ["advice", "anomaly", "budget", "health", "hold", "invoice", "payment"] as const;

export type TestClock = Clock & { at(ms: number): void; pass(ms: number): void };

export function testClock(startMs: number): TestClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async () => undefined,
    at: (ms) => {
      nowMs = ms;
    },
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

/** What was told, newest first: kind and title's data, for a test to read. */
export const told = (
  sql: Pool,
): Promise<readonly { readonly kind: string; readonly tenant: string; readonly project: string | null }[]> =>
  sql.query("select kind, tenant, project from notifications order by seq");
export const kindsTold = async (sql: Pool): Promise<readonly string[]> => (await told(sql)).map(({ kind }) => kind);
