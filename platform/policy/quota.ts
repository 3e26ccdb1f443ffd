import type { DatabaseSpec, ProjectSpec, Quota } from "../spec/index.ts";
import type { Granted } from "./authority.ts";

export type QuotaResource = "cpu" | "memory" | "storage" | "databases";
export const memoryBytesPerUnit = 2 * 1024 ** 3;

export type QuotaRow = {
  readonly resource: QuotaResource;
  readonly unit: "units" | "bytes" | "databases";
  /** null: the project is new. */
  readonly before: number | null;
  readonly after: number;
  readonly limit: number;
  readonly ok: boolean;
};

export type QuotaReport = { readonly ok: boolean; readonly rows: readonly QuotaRow[] };

const resources = [
  ["cpu", "units", "cpuUnits"],
  ["memory", "bytes", "memoryBytes"],
  ["storage", "bytes", "storageBytes"],
  ["databases", "databases", "databases"],
] as const satisfies readonly (readonly [QuotaResource, QuotaRow["unit"], keyof Quota])[];

/** Servers that a database runs: its members and its standbys. */
export const memberCount = (database: DatabaseSpec): number => database.instances + database.replicas;

/** What its buckets may hold, once: objects have no standbys. */
const bucketBytes = ({ buckets = {} }: DatabaseSpec): number =>
  Object.values(buckets).reduce((sum, { storageBytes }) => sum + storageBytes, 0);

/** What a project reserves. A retired database keeps its storage and its place, and gives its compute back. */
export function quotaUse(project: ProjectSpec): Quota {
  let [cpuUnits, storageBytes] = [0, 0];
  for (const database of project.databases) {
    if (!database.retire) cpuUnits += database.compute.maxUnits * memberCount(database);
    storageBytes += database.storageBytes * memberCount(database) + bucketBytes(database);
  }
  return { cpuUnits, memoryBytes: cpuUnits * memoryBytesPerUnit, storageBytes, databases: project.databases.length };
}

/** A project's own ask can only narrow what it was granted. */
export function narrowQuota(granted: Quota, ask: Quota | null): Quota {
  if (ask === null) return granted;
  const least = (field: keyof Quota) => Math.min(granted[field], ask[field]);
  return {
    cpuUnits: least("cpuUnits"),
    memoryBytes: least("memoryBytes"),
    storageBytes: least("storageBytes"),
    databases: least("databases"),
  };
}

/**
 * Use before and after a change against the limit. A change that takes a resource above its limit is refused; one that
 * brings an overdrawn project down, or leaves that resource alone, is not: otherwise it could never come down.
 */
export function checkQuota(head: ProjectSpec, granted: Granted, base: ProjectSpec | null): QuotaReport {
  const limits = narrowQuota(granted, head.quota);
  const after = quotaUse(head);
  const before = base === null ? null : quotaUse(base);
  const rows = resources.map(([resource, unit, field]): QuotaRow => {
    const [was, is, limit] = [before?.[field] ?? null, after[field], limits[field]];
    return { resource, unit, before: was, after: is, limit, ok: is <= limit || (was !== null && is <= was) };
  });
  return { ok: rows.every(({ ok }) => ok), rows };
}
