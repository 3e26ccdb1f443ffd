import type { Panel } from "./dashboard.ts";

/** Whether months become invoices, and invoices money. Of all tenants but for the budgets. */
export const moneyPanels: readonly Panel[] = [
  {
    title: "Budgets",
    help: "The highest step of each that this month has reached; 1: used up. * is the whole tenant's.",
    unit: "percentunit",
    targets: [{ expr: `max by (project) (nebuladb_budget_reached_ratio{tenant="$tenant"})`, legend: "{{project}}" }],
  },
  {
    title: "Holds in force",
    help: "Projects and tenants whose databases are paused because of money.",
    unit: "short",
    targets: [{ expr: "max by (reason) (nebuladb_holds)", legend: "{{reason}}" }],
  },
  {
    title: "Months closed a day",
    help: "And such that could not be.",
    unit: "short",
    targets: [{ expr: "sum by (verdict) (increase(nebuladb_invoices_total[1d]))", legend: "{{verdict}}" }],
  },
  {
    title: "Differences with the payment service",
    help: "Between its invoices and ours, when last compared.",
    unit: "short",
    kind: "stat",
    targets: [{ expr: "max(nebuladb_payment_differences)" }],
  },
  {
    title: "Told by the payment service",
    help: "A day, by what came of it.",
    unit: "short",
    targets: [{ expr: "sum by (outcome) (increase(nebuladb_payment_events_total[1d]))", legend: "{{outcome}}" }],
  },
  {
    title: "Gaps in the metering",
    help: "A day: times in which nobody looked at a database.",
    unit: "short",
    targets: [{ expr: "sum(increase(nebuladb_usage_gaps_total[1d]))", legend: "gaps" }],
  },
  {
    title: "Usage events from outside",
    help: "A second, by how they were taken.",
    unit: "ops",
    targets: [{ expr: "sum by (verdict) (rate(nebuladb_usage_events_total[5m]))", legend: "{{verdict}}" }],
  },
  {
    title: "News told",
    help: "Attempts an hour, by way and outcome.",
    unit: "short",
    targets: [
      {
        expr: "sum by (way, outcome) (increase(nebuladb_notification_attempt_duration_seconds_count[1h]))",
        legend: "{{way}} {{outcome}}",
      },
    ],
  },
];
