import { databaseMetrics, type MetricKey, type VitalKey, vitals } from "../../platform/telemetry/index.ts";
import type { Dashboard, Panel, Target } from "./dashboard.ts";

const chosen = `{tenant="$tenant",project="$project",database="$database"}`;
// every engine has this sign, and of one that rests it stays
const variables = ["tenant", "project", "database"].map((label) => ({ label, of: "database:nodes:count" }));

const vital = (key: VitalKey): Target => ({ expr: `${vitals[key].record}${chosen}`, legend: vitals[key].title });
const own = (key: MetricKey): string => `${databaseMetrics[key].name}${chosen}`;

/** Seed 002 lists twelve of its thirteen panels; connections are the thirteenth. */
const panels: readonly Panel[] = [
  { title: "CPU usage", help: "Of what it may use now.", unit: "percentunit", targets: [vital("cpu")] },
  { title: "Memory usage", help: "What it cannot give back.", unit: "bytes", targets: [vital("memory")] },
  { title: "Disk read", help: "What its server asked the file system for.", unit: "Bps", targets: [vital("diskRead")] },
  {
    title: "Disk write",
    help: "What its server gave to the file system.",
    unit: "Bps",
    targets: [vital("diskWritten")],
  },
  {
    title: "Queries per second",
    help: "Operations: transactions of Postgres, statements of MySQL, commands of Redis.",
    unit: "ops",
    targets: [vital("operations")],
  },
  {
    title: "Replication lag",
    help: "Of the standby that is furthest behind; nothing where there is none.",
    unit: "s",
    targets: [vital("replicationLag")],
  },
  {
    title: "Index usage",
    help: "Part of the reads that came by an index, and indexes that no query has used.",
    unit: "short",
    targets: [
      vital("indexUse"),
      { expr: own("indexes"), legend: "Indexes" },
      { expr: own("unusedIndexes"), legend: "Unused" },
    ],
  },
  { title: "Slow queries", help: "Of more than 500 ms.", unit: "short", targets: [vital("slow")] },
  {
    title: "Node health",
    help: "Nodes that are well, of those there should be.",
    unit: "short",
    targets: [vital("nodesHealthy"), vital("nodes")],
  },
  {
    title: "Backup result",
    help: "1: taken and whole. And the age of the newest base backup.",
    unit: "short",
    targets: [
      { expr: own("backupOk"), legend: "Whole" },
      { expr: `${own("backupAgeSeconds")} / 3600`, legend: "Age in hours" },
    ],
  },
  { title: "Storage", help: "What counts against its storage.", unit: "bytes", targets: [vital("storage")] },
  {
    title: "Storage growth an hour",
    help: "By the last six hours.",
    unit: "bytes",
    targets: [{ expr: `deriv(${vitals.storage.record}${chosen}[6h]) * 3600`, legend: "Growth" }],
  },
  { title: "Connections", help: "Sessions of clients.", unit: "short", targets: [vital("connections")] },
];

export const databaseDashboard: Dashboard = {
  uid: "nebuladb-database",
  title: "NebulaDB: database",
  about: "One database of any engine: its vital signs.",
  variables,
  panels,
};
