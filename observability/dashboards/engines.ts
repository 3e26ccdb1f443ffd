import {
  databaseMetrics,
  type EngineSet,
  engineSets,
  type MetricKey,
  vitalKeys,
  vitals,
} from "../../platform/telemetry/index.ts";
import type { Dashboard, Panel } from "./dashboard.ts";

const legend = "{{tenant}}/{{project}}/{{database}}";
const own = (key: MetricKey, of = ""): string => `${databaseMetrics[key].name}{tenant=~"$tenant"${of}}`;

/** What only the platform's own look at Postgres has. */
const postgresOnly: readonly Panel[] = [
  {
    title: "Waiting for locks",
    help: "Sessions of clients that wait for another one's lock.",
    unit: "short",
    targets: [{ expr: own("waitingForLocks"), legend }],
  },
  {
    title: "Oldest transaction",
    help: "An open transaction keeps dead rows from being cleared.",
    unit: "s",
    targets: [{ expr: own("oldestTransactionSeconds"), legend }],
  },
  {
    title: "Rolled back a second",
    help: "Transactions.",
    unit: "ops",
    targets: [{ expr: `rate(${own("rollbacks")}[5m])`, legend }],
  },
  {
    title: "Temporary files a second",
    help: "Sorts and joins that did not fit into memory.",
    unit: "Bps",
    targets: [{ expr: `rate(${own("temporaryBytes")}[5m])`, legend }],
  },
  {
    title: "Log that waits",
    help: "Parts of the log that have not been taken away yet.",
    unit: "short",
    targets: [{ expr: own("archivePending"), legend }],
  },
  {
    title: "Active connections",
    help: "In a statement.",
    unit: "short",
    targets: [{ expr: own("activeConnections"), legend }],
  },
];

/** The vital signs that an engine has, every database of a tenant in one picture. */
function engineDashboard(engine: string, sets: readonly EngineSet[], more: readonly Panel[] = []): Dashboard {
  const has = vitalKeys.filter((key) => sets.some((set) => "expr" in set.vitals[key]));
  return {
    uid: `nebuladb-engine-${engine}`,
    title: `NebulaDB: ${engine}`,
    about: `Every ${engine} database of a tenant. Not measured: ${
      vitalKeys
        .filter((key) => !has.includes(key))
        .map((key) => vitals[key].title.toLowerCase())
        .join(", ") || "nothing"
    }.`,
    variables: [{ label: "tenant", of: "database:nodes:count" }],
    panels: [
      ...has.map((key) => ({
        title: vitals[key].title,
        help: `${vitals[key].record}, as ${[...new Set(sets.map(({ from }) => from))].join(" or ")} has it.`,
        unit: vitals[key].unit,
        targets: [{ expr: `${vitals[key].record}{tenant=~"$tenant",engine="${engine}"}`, legend }],
      })),
      ...more,
    ],
  };
}

const names = [...new Set(engineSets.flatMap(({ engines }) => engines))];

export const engineDashboards: readonly Dashboard[] = names.map((engine) =>
  engineDashboard(
    engine,
    engineSets.filter(({ engines }) => engines.includes(engine)),
    engine === "postgres" ? postgresOnly : [],
  ),
);
