import type { z } from "zod";
import { deepFreeze } from "./canonical.ts";
import { branchDefaults, defaults, findSize } from "./catalogue.ts";
import {
  momentNotKept,
  overAtOnce,
  parentUnfit,
  parentUnknown,
  problem,
  type Resolved,
  type SpecProblem,
} from "./errors.ts";
import { toProblems, valueAt } from "./issues.ts";
import { nameProblem, nearest, shown } from "./names.ts";
import { contradictions, declaredConnections, knownIn, repeats } from "./resolve-database.ts";
import { branchOptions } from "./schema.ts";
import type { DatabaseSpec } from "./types.ts";
import { durationSeconds } from "./units.ts";

/** A branch as declared: what `new Branch("feature-x", {...})` records. `of` is the parent's name. */
export type DeclaredBranch = { readonly name: string; readonly options: unknown };

/**
 * A branch as a database of its own: version, extensions, roles, storage, tags and addresses are its parent's; how large it is,
 * when it sleeps and how long it lives is its own. Every problem at once.
 * @param siblings the databases of its project that are no branches.
 * @param branches the names of those that are, its own among them.
 */
export function resolveBranch(
  declared: DeclaredBranch,
  siblings: readonly DatabaseSpec[],
  branches: readonly string[] = [],
): Resolved<DatabaseSpec> {
  const { name } = declared;
  const options = declared.options ?? {};
  const parsed = branchOptions.safeParse(options);
  const named = nameProblem("database", name);
  const of = valueAt(options, ["of"]);
  const parent = siblings.find((sibling) => sibling.name === of);
  const problems: SpecProblem[] = [
    ...(named === undefined ? [] : [named]),
    ...(parsed.success ? [] : toProblems(parsed.error.issues, options, (path) => knownIn(branchOptions, path))),
    ...contradictions(options),
    ...repeats(name, options),
    ...(typeof of === "string" ? parentProblems(name, of, { siblings, branches }) : []),
    ...timeProblems(options, parent),
  ];
  if (!parsed.success || parent === undefined || problems.length > 0) return { kind: "invalid", problems };
  return { kind: "ok", spec: deepFreeze(fill(name, parent, parsed.data)) };
}

function fill(name: string, parent: DatabaseSpec, options: z.output<typeof branchOptions>): DatabaseSpec {
  const { of, at = null, ttl = null, compute, size, backups, allowFrom, tags } = options;
  const units = size === undefined ? undefined : findSize(size)?.units;
  const maxUnits = units ?? compute?.max ?? Math.max(branchDefaults.maxUnits, compute?.min ?? 0);
  const retentionSeconds = backups?.retention ?? branchDefaults.retentionSeconds;
  // What ran in its parent is in the copy; the files of a folder of its own name are its own. Buckets are not copied.
  const { connections: _, retire: __, migrations: ___, buckets: ____, synchronous: _____, ...inherited } = parent;
  return {
    ...inherited,
    ...withoutReceivers(inherited.api),
    name,
    compute: {
      minUnits: units ?? compute?.min ?? Math.min(branchDefaults.minUnits, maxUnits),
      maxUnits,
      suspendAfterSeconds: compute?.suspendAfter ?? defaults.suspendAfterSeconds,
    },
    replicas: defaults.replicas,
    instances: defaults.instances,
    backups: { retentionSeconds, pitr: backups?.pitr ?? retentionSeconds > 0 },
    allowFrom: allowFrom === undefined ? parent.allowFrom : [...allowFrom].sort(),
    tags: Object.fromEntries(Object.entries({ ...parent.tags, ...tags }).sort(([a], [b]) => (a < b ? -1 : 1))),
    passwordSecret: null,
    retire: false,
    ...declaredConnections(options.connections),
    branch: { of, at, ttlSeconds: ttl },
  };
}

/** What changes in a copy is not told to those who wait for what changes in its original. */
function withoutReceivers(api: DatabaseSpec["api"]): Pick<DatabaseSpec, "api"> {
  if (api?.webhooks === undefined) return {};
  const { webhooks: _, ...rest } = api;
  return { api: rest };
}

type Around = { readonly siblings: readonly DatabaseSpec[]; readonly branches: readonly string[] };

function parentProblems(name: string, of: string, { siblings, branches }: Around): SpecProblem[] {
  const unfit = (message: string, hint: string) => [problem(parentUnfit, ["of"], message, hint)];
  if (of === name)
    return unfit(`${shown(name)} is a branch of itself`, "Name the database that it is to be a copy of.");
  const parent = siblings.find((sibling) => sibling.name === of);
  if (parent === undefined && branches.includes(of))
    return unfit(`${shown(of)} is a branch itself`, "Branch from the database that it is a branch of.");
  if (parent === undefined) {
    const meant = nearest(
      of,
      siblings.map((sibling) => sibling.name),
    );
    const hint = meant === undefined ? undefined : `Did you mean "${meant}"?`;
    return [problem(parentUnknown, ["of"], `this project declares no database ${shown(of)}`, hint)];
  }
  if (parent.engine !== "postgres")
    return unfit(`${shown(of)} is a ${parent.engine} database`, "Only Postgres databases have branches.");
  if (parent.retire)
    return unfit(
      `${shown(of)} is retired`,
      "Delete the branch's file first, or take `retire: true` out of its parent's.",
    );
  return [];
}

/** What can be said of its times without a clock; whether the moment is past and still kept is the plan's to say. */
function timeProblems(options: unknown, parent: DatabaseSpec | undefined): SpecProblem[] {
  const [at, ttl] = [valueAt(options, ["at"]), valueAt(options, ["ttl"])];
  const over = typeof ttl === "string" && durationSeconds(ttl) === 0;
  const unkept =
    at !== undefined && parent !== undefined && !(parent.backups.pitr && parent.backups.retentionSeconds > 0);
  return [
    ...(over ? [problem(overAtOnce, ["ttl"], `a ttl of ${shown(ttl)} is no time`)] : []),
    ...(unkept ? [problem(momentNotKept, ["at"], `${shown(parent.name)} can be branched from now only`)] : []),
  ];
}
