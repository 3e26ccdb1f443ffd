import type { Alert, AlertGroup, Case } from "../types.ts";

const one = (series: string, values: string, at: string): Case => ({ input: [{ series, values }], at });
const labels = { tenant: "shop", project: "store" };
const reached = `nebuladb_budget_reached_ratio{tenant="shop",project="store"}`;
const budget = "{{ $labels.tenant }}/{{ $labels.project }}";

const budgets: readonly Alert[] = [
  {
    name: "BudgetUsedUp",
    expr: "max by (tenant, project) (nebuladb_budget_reached_ratio) >= 1",
    for: "5m",
    severity: "warning",
    summary: `the budget of ${budget} is used up for this month`,
    runbook: "budget-reached",
    fires: { ...one(reached, "1x20", "10m"), labels },
    quiet: one(reached, "0.8x20", "10m"),
  },
  {
    name: "BudgetNearlyUsedUp",
    expr: "max by (tenant, project) (nebuladb_budget_reached_ratio) >= 0.8 < 1",
    for: "5m",
    severity: "warning",
    summary: `four fifths of the budget of ${budget} are used up`,
    runbook: "budget-reached",
    fires: { ...one(reached, "0.8x20", "10m"), labels },
    quiet: one(reached, "0.5x10 1x10", "18m"),
  },
];

const bills: readonly Alert[] = [
  {
    name: "MonthNotClosed",
    expr: `sum(increase(nebuladb_invoices_total{verdict="refused"}[1h])) > 0`,
    for: "5m",
    severity: "warning",
    summary: "months of tenants are over and cannot be closed",
    runbook: "month-not-closed",
    fires: { ...one(`nebuladb_invoices_total{verdict="refused"}`, "0+1x60", "40m"), labels: {} },
    quiet: one(`nebuladb_invoices_total{verdict="issued"}`, "0+1x60", "40m"),
  },
  {
    name: "PaymentsDiffer",
    expr: "max(nebuladb_payment_differences) > 0",
    for: "1h",
    severity: "critical",
    summary: "invoices of the payment service are not what ours are",
    runbook: "payments-differ",
    fires: { ...one(`nebuladb_payment_differences{process="reconciler"}`, "2x100", "90m"), labels: {} },
    quiet: one(`nebuladb_payment_differences{process="reconciler"}`, "2x30 0x70", "90m"),
  },
  {
    name: "PaymentsStandStill",
    expr: "sum by (code) (increase(nebuladb_payment_problems_total[1h])) > 0",
    for: "15m",
    severity: "warning",
    summary: "invoices stand still with the payment service ({{ $labels.code }})",
    runbook: "payments-differ",
    fires: { ...one(`nebuladb_payment_problems_total{code="NEB580"}`, "0+1x60", "40m"), labels: { code: "NEB580" } },
    quiet: one(`nebuladb_payment_problems_total{code="NEB580"}`, "3x60", "40m"),
  },
  {
    name: "UsageHasGaps",
    expr: "sum(increase(nebuladb_usage_gaps_total[1h])) > 0",
    for: "5m",
    severity: "warning",
    summary: "nobody looked at some databases for a while: their usage has gaps",
    runbook: "usage-not-sampled",
    fires: { ...one(`nebuladb_usage_gaps_total{process="reconciler"}`, "0+1x60", "40m"), labels: {} },
    quiet: one(`nebuladb_usage_gaps_total{process="reconciler"}`, "4x60", "40m"),
  },
  {
    name: "NotificationsGivenUp",
    expr: `sum by (way) (increase(nebuladb_notification_attempt_duration_seconds_count{outcome="dead"}[1h])) > 0`,
    for: "5m",
    severity: "warning",
    summary: "tenants' news by {{ $labels.way }} could not be told, and are not tried again",
    runbook: "notifications-given-up",
    fires: {
      ...one(`nebuladb_notification_attempt_duration_seconds_count{way="webhook",outcome="dead"}`, "0+1x60", "40m"),
      labels: { way: "webhook" },
    },
    quiet: one(`nebuladb_notification_attempt_duration_seconds_count{way="webhook",outcome="later"}`, "0+1x60", "40m"),
  },
];

export const moneyAlerts: readonly AlertGroup[] = [
  { name: "budgets", alerts: budgets },
  { name: "bills", alerts: bills },
];
