import type { Fault } from "../../platform/core/index.ts";
import {
  type DatabaseSpec,
  formatDurationSeconds,
  formatSizeBytes,
  type Placement,
} from "../../platform/spec/index.ts";
import { judgeBranch } from "./branches.ts";
import { judgeBucket } from "./buckets.ts";
import type { Difference } from "./differences.ts";
import { engineChanges, storageShrinks, versionGoesDown } from "./errors.ts";
import { localRestarts } from "./local.ts";
import type { Block, Effect, JsonValue } from "./types.ts";

export type Verdict = { readonly effect: Effect; readonly why: string; readonly blocked?: Block };
export type Case = Difference & {
  readonly placement: Placement;
  readonly previous: DatabaseSpec;
  readonly next: DatabaseSpec;
  readonly usedBytes: number | undefined;
  /** Of a branch that is made. */
  readonly ageSeconds: number | undefined;
};

const online = (why: string): Verdict => ({ effect: "online", why });
const restart = (why: string): Verdict => ({ effect: "restart", why });
const refuse = ({ definition }: Fault, effect: Effect, message: string): Verdict => ({
  effect,
  why: message,
  blocked: { code: definition.code, message, hint: definition.hint },
});

/** Extensions whose library the server loads at start. */
const preloaded = new Set([
  "pg_stat_statements",
  "pg_cron",
  "pgaudit",
  "timescaledb",
  "auto_explain",
  "pg_partman_bgw",
]);

/** What changing one option of a running database does. To add an option, add its line here. */
export function judge(one: Case): Verdict {
  const { path, from, to } = one;
  const grows = typeof from === "number" && typeof to === "number" && to > from;
  const removed = to === null;
  switch (optionOf(path)) {
    case "engine":
      return refuse(engineChanges, "data-loss", `${one.next.name} is ${from}; it cannot become ${to}`);
    case "version":
      return judgeVersion(one);
    case "compute.maxUnits":
      return restartsFor(one) ?? online("the settings that it changes are read again by the running server");
    case "compute.minUnits":
    case "compute.suspendAfterSeconds":
      return online("the running server keeps its size");
    case "storageBytes":
      return judgeStorage(one);
    case "replicas":
      return restartsFor(one) ?? online(grows ? "standbys are added beside the primary" : "standbys are removed");
    case "synchronous":
      return online(removed ? "commits wait for no standby any more" : "commits wait until a standby has them too");
    case "instances":
      return online("members join or leave one at a time");
    case "backups.retentionSeconds":
      return online(grows ? "backups are kept longer" : "backups that are older than that go");
    case "backups.pitr":
      return online(to === true ? "any second from now on can be restored" : "only whole backups can be restored");
    case "extensions":
      return judgeExtension(one, removed);
    case "roles":
      return online(removed ? "the role and its grants go; its tables belong to the owner" : "sessions stay open");
    case "allowFrom":
      return online(
        removed ? "new connections from there are refused" : "the gateway lets new connections in from there",
      );
    case "tags":
      return online("labels only");
    case "connections":
      return online("new sessions keep to it");
    case "api":
      return online(apiWhy(one));
    case "buckets":
      return judgeBucket(one);
    case "migrations":
      return online(removed ? "its file goes; what it did stays" : "it runs once the deployment is done");
    case "branch":
    case "branch.of":
    case "branch.at":
    case "branch.ttlSeconds": {
      const { why, blocked } = judgeBranch(one, one.next.name, one.ageSeconds);
      return blocked === undefined ? online(why) : { effect: "data-loss", why, blocked };
    }
    case "passwordSecret":
      return online("the owner's password changes; open sessions stay");
    case "retire":
      if (to === true) return { effect: "downtime", why: "the server stops and refuses connections; its data is kept" };
      return online("the server starts again with the data that it had");
    default:
      return restart("the server reads it when it starts");
  }
}

/** `tags.owner` and `extensions[pgcrypto]` are options of `tags` and `extensions`; `compute.maxUnits` is one itself. */
function optionOf(path: string): string {
  const whole = /^(extensions|roles|allowFrom|tags|engineOptions|connections|migrations|api|buckets)(?=[.[])/.exec(
    path,
  );
  return whole?.[1] ?? path;
}

/** What becomes of those who ask over HTTP. */
function apiWhy({ path, to }: Case): string {
  if (path === "api")
    return to === null ? "its requests are refused; its roles stay" : "served over HTTP, by the request";
  if (path === "api.webhooks")
    return to === null ? "nobody is told of changed rows any more" : "changed rows are sent to these addresses";
  return path.startsWith("api.exposeWithoutRls") && to !== null
    ? "served without row-level security: whoever is granted it sees all of it"
    : "in force with the next request";
}

/** Why a change restarts the server; undefined when it does not. */
function restartsFor(one: Case): Verdict | undefined {
  const extension = /^extensions\[(.*)\]$/.exec(one.path)?.[1];
  if (!needsRestart(one, extension)) return undefined;
  if (extension !== undefined) return restart(`the server loads ${extension} when it starts`);
  if (one.path === "replicas") return restart("places for standbys are set when the server starts");
  return restart("memory and connection limits are set when the server starts");
}

function needsRestart({ path, previous, next, placement }: Case, extension: string | undefined): boolean {
  if (placement === "local" && previous.engine === "postgres") return localRestarts(previous, next, path).length > 0;
  return path === "compute.maxUnits" || (extension !== undefined && preloaded.has(extension));
}

function judgeVersion({ from, to, previous, next, placement }: Case): Verdict {
  const { name } = next;
  // Two engines' versions have no order; that the engine changes is told by itself.
  if (previous.engine !== next.engine) return { effect: "data-loss", why: `the version of another engine: ${to}` };
  const [old, wanted] = [versionParts(from), versionParts(to)];
  if (compareVersions(wanted, old) < 0)
    return refuse(versionGoesDown, "data-loss", `${name} runs ${from}; it cannot go down to ${to}`);
  if (placement === "local" && wanted[0] !== old[0]) return { effect: "downtime", why: localUpgrade(from, to) };
  if (wanted[0] === old[0]) return restart(`minor version ${from} to ${to}`);
  return { effect: "downtime", why: `major version ${from} to ${to}: the data folder is converted` };
}

/** What an upgrade means to who reads the review. */
const localUpgrade = (from: JsonValue, to: JsonValue): string =>
  [
    `upgrade from PostgreSQL ${from} to ${to}: rehearsed on a copy first, and given up where that fails`,
    "then a backup, and nobody can connect while the data is converted",
    "the old folder is kept until the next backup",
  ].join("; ");

function judgeStorage({ from, to, next, usedBytes }: Case): Verdict {
  if (Number(to) > Number(from)) return online("room is added; nothing moves");
  if (usedBytes !== undefined && usedBytes < Number(to)) return online(`it uses ${formatSizeBytes(usedBytes)} of it`);
  const sizes = `${formatSizeBytes(Number(from))}; it cannot shrink to ${formatSizeBytes(Number(to))}`;
  return refuse(storageShrinks, "data-loss", `${next.name} has ${sizes}`);
}

function judgeExtension(one: Case, removed: boolean): Verdict {
  if (!removed) return restartsFor(one) ?? online("created beside the data");
  const name = one.path.slice("extensions[".length, -1);
  return { effect: "data-loss", why: `${name} and its own tables go; refused while tables of yours depend on it` };
}

const versionParts = (version: JsonValue): number[] => String(version).split(".").map(Number);

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What becomes of a deleted database's data. */
export const deletionWhy = ({ backups, branch }: DatabaseSpec): string =>
  branch !== undefined
    ? `the branch goes, with what was written in it; ${branch.of} stays as it is`
    : backups.retentionSeconds === 0
      ? "it is removed for good: its backups are kept for no time"
      : `it is removed; a final copy is kept for ${formatDurationSeconds(backups.retentionSeconds)}`;
