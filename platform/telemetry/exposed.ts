import type { Family } from "../core/index.ts";
import { ageMetric, databaseMetrics, metricKeys, stateMetric, upMetric } from "./catalogue.ts";
import { databaseStates, isUp, type Sample } from "./sample.ts";

export type ExposedDatabase = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly engine: string;
  readonly sample: Sample;
};

/**
 * What Prometheus is told of these databases. Of one that rests only what stays true is told - its state, its storage, its limits - and
 * the age of that: a figure of an hour ago drawn as today's would be a lie. Pure.
 */
export function exposed(databases: readonly ExposedDatabase[], nowMs: number): readonly Family[] {
  // one object a database: its text is made once for all of its series
  const told = databases.map(({ sample, ...whose }) => ({ sample, labels: labelsOf(whose) }));
  const figures = metricKeys.map((key): Family => {
    const { name, kind, help } = databaseMetrics[key];
    const atRest = keepsAtRest.has(key);
    const series: { readonly labels: Labels; readonly value: number }[] = [];
    for (const { sample, labels } of told) {
      const value = sample.values[key];
      if (value === undefined || !(atRest || sample.state === "awake")) continue;
      // a counter below 0 is another version's mistake
      if (kind === "gauge" || value >= 0) series.push({ labels, value });
    }
    return { name, kind, help, series };
  });
  const states = told.flatMap(({ sample, labels }) =>
    databaseStates.map((state) => ({ labels: { ...labels, state }, value: sample.state === state ? 1 : 0 })),
  );
  const ups = told.map(({ sample, labels }) => ({ labels, value: isUp(sample.state) ? 1 : 0 }));
  const ages = told.flatMap(({ sample: { atMs }, labels }) =>
    atMs === null ? [] : [{ labels, value: Math.max(0, (nowMs - atMs) / 1000) }],
  );
  return [
    { ...stateMetric, kind: "gauge" as const, series: states },
    { ...upMetric, kind: "gauge" as const, series: ups },
    { ...ageMetric, kind: "gauge" as const, series: ages },
    ...figures,
  ].filter(({ series }) => series.length > 0);
}

type Labels = Readonly<Record<"tenant" | "project" | "database" | "engine", string>>;
/** These, and nothing else that a row may carry. */
const labelsOf = ({ tenant, project, database, engine }: Labels): Labels => ({ tenant, project, database, engine });

/** What is as true of a database that rests. */
const keepsAtRest: ReadonlySet<string> = new Set([
  ...["storageBytes", "storageLimitBytes", "computeUnitsLimit", "dataBytes", "connectionsLimit", "indexes"],
  ...["backupOk", "backupAgeSeconds", "replicas"],
]);
