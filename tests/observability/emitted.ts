/**
 * What this code really emits, by name, with the labels of each: the instruments of every process, the gauges that rooms register, and
 * the figures of databases.
 */
import { type Metrics, makeMetrics, systemClock } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { ageMetric, databaseMetrics, metricKeys, stateMetric, upMetric } from "../../platform/telemetry/index.ts";
import { registerBackupsGauges } from "../../reconciler/backup/index.ts";
import { registerBudgetGauges } from "../../reconciler/budgets/index.ts";
import { registerDriftGauges } from "../../reconciler/drift/index.ts";
import { registerFleetGauges } from "../../reconciler/metrics/index.ts";
import { registerBackupGauge } from "../../reconciler/observe/index.ts";
import { registerStorageGauge } from "../../reconciler/storage/index.ts";
import { registerUsageGauges } from "../../reconciler/usage/index.ts";

/** Labels by name; undefined where a text that showed no sample does not say. */
export type Emitted = ReadonlyMap<string, readonly string[] | undefined>;

/** Of the instruments that every process has, and the gauges that rooms register: nothing is read. */
function ownNames(): Emitted {
  const metrics: Metrics = makeMetrics("test");
  registerLedgerGauges(metrics);
  return metrics.names();
}

/** What every reconciler reads from the ledger that they share: two of them say the same, and nothing may be added up over them. */
export function ledgerNames(): ReadonlySet<string> {
  const metrics: Metrics = makeMetrics("test");
  const before = new Set(metrics.names().keys());
  registerLedgerGauges(metrics);
  return new Set([...metrics.names().keys()].filter((name) => !before.has(name)));
}

function registerLedgerGauges(metrics: Metrics): void {
  const nowhere = {} as Sql;
  registerUsageGauges(metrics, nowhere, systemClock);
  registerDriftGauges(metrics, nowhere);
  registerStorageGauge(metrics, nowhere);
  registerBackupsGauges(metrics, nowhere, systemClock);
  registerFleetGauges(metrics, nowhere, systemClock);
  registerBudgetGauges(metrics, nowhere, systemClock);
  registerBackupGauge(metrics, "/nowhere");
}

/** Of Prometheus's text. What a histogram makes of its own is in `ownNames`. */
export function namesIn(text: string): Emitted {
  const labelsOf = (name: string) => {
    const [, labels] = new RegExp(`^${name}{(.*)} `, "m").exec(text) ?? [];
    return labels === undefined ? undefined : [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label);
  };
  const kinds = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].filter(([, , kind]) => kind !== "histogram");
  return new Map(kinds.map(([, name = ""]) => [name, labelsOf(name)]));
}

/** `gateway`: the text of a real one's /metrics, whose gauges its main registers. */
export function emittedNames(gateway: string): Emitted {
  const whose = ["tenant", "project", "database", "engine"];
  return new Map([
    ...namesIn(gateway),
    ...ownNames(),
    ...metricKeys.map((key) => [databaseMetrics[key].name, whose] as const),
    [stateMetric.name, [...whose, "state"]],
    [upMetric.name, whose],
    [ageMetric.name, whose],
  ]);
}
