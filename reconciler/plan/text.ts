import { type DatabaseSpec, formatDurationSeconds, formatSizeBytes } from "../../platform/spec/index.ts";
import type { Change, JsonValue, Plan, Step } from "./types.ts";

/** The name that a declaration gives to a path of the spec. */
const declared: Readonly<Record<string, string>> = {
  "compute.minUnits": "compute.min",
  "compute.maxUnits": "compute.max",
  "compute.suspendAfterSeconds": "compute.suspendAfter",
  storageBytes: "storage",
  "backups.retentionSeconds": "backups.retention",
  "connections.idleSeconds": "connections.idleTimeout",
  "connections.transactionSeconds": "connections.transactionTimeout",
  "connections.statementSeconds": "connections.statementTimeout",
  "branch.of": "of",
  "branch.at": "at",
  "branch.ttlSeconds": "ttl",
  "api.maxBodyBytes": "api.maxBody",
  "api.maxResponseBytes": "api.maxResponse",
  "api.timeoutSeconds": "api.timeout",
};

/** `compute.max 0.5 → 1`, `extensions pgcrypto added`: one change in a few words, in the words of the declaration. */
export function describeChange({ path, from, to }: Change): string {
  if (path === "migrations" || path.startsWith("migrations.")) return describeMigrations(path, from, to);
  const [, list, name] = /^([\w.]+)\[(.*)\]$/s.exec(path) ?? [];
  const what = list === undefined ? (declared[path] ?? path) : `${list} ${name}`;
  if (/^buckets(\.[^.]+)?$/.test(path)) return describeBuckets(path, from, to);
  if (path === "api") return to === null ? "data API off" : "data API on";
  if (from === null && to === true) return `${what} added`;
  if (to === null && from === true) return `${what} removed`;
  return `${what} ${valueText(path, from)} → ${valueText(path, to)}`;
}

/** A whole bucket, or all of them. */
function describeBuckets(path: string, from: JsonValue, to: JsonValue): string {
  const [, one] = path.split(".");
  const names = one ?? Object.keys((to ?? from ?? {}) as object).join(", ");
  return `bucket ${names} ${from === null ? "added" : "removed"}`;
}

function describeMigrations(path: string, from: JsonValue, to: JsonValue): string {
  const [, one] = path.split(".");
  const names = (value: JsonValue) => (one === undefined ? Object.keys((value ?? {}) as object) : [one]).join(", ");
  if (from === null) return `migrations ${names(to)} added`;
  return to === null ? `migrations ${names(from)} removed` : `migrations ${names(to)} changed`;
}

/** A step in one line: `change orders: compute.max 0.5 → 1 (restart)`. */
export function describeStep({ kind, database, changes, risk, blocked }: Step): string {
  const words = changes.map((change) => (change.path === "" ? describeWhole(change) : describeChange(change)));
  const suffix = risk === "none" ? "" : ` (${risk})`;
  return `${kind} ${database}: ${words.join(", ")}${suffix}${blocked === undefined ? "" : `; blocked: ${blocked.message}`}`;
}

/** `1 to create, 2 to change`, or `no changes`. */
export function summarisePlan({ steps, project }: Plan): string {
  const counts = (["create", "change", "replace", "retire", "delete"] as const)
    .map((kind) => ({ kind, count: steps.filter((step) => step.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} to ${kind}`);
  if (counts.length > 0) return counts.join(", ");
  return project.length === 0 ? "no changes" : "only the project itself changes";
}

function describeWhole({ to, why }: Change): string {
  if (to === null) return why;
  const { engine, version, compute, storageBytes } = to as unknown as DatabaseSpec;
  return `${engine} ${version}, ${compute.minUnits}-${compute.maxUnits} units, ${formatSizeBytes(storageBytes)}`;
}

function valueText(path: string, value: JsonValue): string {
  if (value === null) return "none";
  if (typeof value === "number" && path.endsWith("Bytes")) return formatSizeBytes(value);
  if (typeof value === "number" && (path.endsWith("Seconds") || path.startsWith("api.cache.")))
    return formatDurationSeconds(value);
  if (Array.isArray(value))
    return value.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(", ") || "none";
  if (typeof value !== "object") return String(value);
  const { login, access } = value as { login?: boolean; access?: string };
  if (access === undefined) return JSON.stringify(value);
  return `${access}${login === false ? ", no login" : ""}`;
}
