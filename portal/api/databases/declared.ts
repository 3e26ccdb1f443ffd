import { z } from "zod";
import {
  type ApiSpec,
  type BranchSpec,
  branchOptions,
  type DatabaseSpec,
  type Engine,
  engines,
  formatDurationSeconds,
  formatSizeBytes,
  knownOptions,
  optionSchemas,
  resolveBranch,
  resolveDatabase,
  versions,
} from "../../../platform/spec/index.ts";
import type { Json, OptionsPatch } from "../../edit/index.ts";
import { optionProblems, requestProblems } from "../errors.ts";
import { name, named } from "../schemas.ts";

/**
 * Declared options as they come over HTTP. Their words are those of a declaration, so one schema (platform/spec) checks both;
 * here it is only asked and its problems are put in the request's terms.
 */
const autoMerge = z.boolean().optional().describe("Merge when every required check has passed. Default false.");

/** What the pipeline checks; the options are checked by `checkOptions`, which knows the engine. */
export const createBody = z.looseObject({ name, engine: z.enum(engines).default("postgres"), autoMerge });
export const patchBody = z.looseObject({ autoMerge });

/** What the reference shows instead. */
export const createDocument = named(
  "NewDatabase",
  "A database as it is declared. Options that an engine does not have are refused by name.",
  z.union(engines.map(documentOf)),
);

function documentOf(engine: Engine) {
  const shape: z.core.$ZodShape = optionSchemas[engine].shape;
  return z.strictObject({
    name,
    engine: engine === "postgres" ? z.literal(engine).default(engine) : z.literal(engine),
    ...shape,
    version: z.string().optional().describe("Default: the newest of /api/v1/versions."),
    autoMerge,
  });
}

const postgresOptions = optionSchemas.postgres.partial().shape;
export const patchDocument = named(
  "DatabasePatch",
  "A JSON merge patch (RFC 7396) of declared options: objects merge, null removes, a list replaces the list. Shown for postgres.",
  z.looseObject({
    ...Object.fromEntries(Object.entries(postgresOptions).map(([key, option]) => [key, option.nullish()])),
    autoMerge,
  }),
);
const { of: _of, ...branchShape } = branchOptions.shape;
export const branchBody = z.looseObject({ name, autoMerge });
export const branchDocument = named(
  "NewBranch",
  "A branch as it is declared: a copy of the database with an endpoint and credentials of its own.",
  z.strictObject({ name, ...branchShape, autoMerge }),
);
const { size, compute, storage, replicas, synchronous, instances } = postgresOptions;
export const scaleDocument = named(
  "Scale",
  "What a database is made larger or smaller by.",
  z.strictObject({ size, compute, storage, replicas, synchronous, instances, autoMerge }),
);
export const expandDocument = named("Expand", "More storage.", z.strictObject({ storage, autoMerge }));
export const upgradeDocument = named(
  "Upgrade",
  "A newer version, one of /api/v1/versions.",
  z.strictObject({ version: z.string(), autoMerge }),
);
export const scalable = ["size", "compute", "storage", "replicas", "synchronous", "instances"] as const;

type Body = Readonly<Record<string, unknown>>;

/** The options of a new database. @throws NEB601 with every problem */
export function newOptions({
  name: database,
  engine,
  autoMerge: _auto,
  ...given
}: Body & { name: string; engine: Engine }): OptionsPatch {
  const options = { version: versions[engine][0], ...given };
  const resolved = resolveDatabase({ engine, name: database, options });
  if (resolved.kind === "invalid") throw optionProblems(resolved.problems);
  return options as OptionsPatch;
}

/** The options of a new branch. @throws NEB601 with every problem */
export function newBranchOptions(
  of: string,
  { name: branch, autoMerge: _auto, ...given }: Body & { name: string },
  databases: readonly DatabaseSpec[],
): OptionsPatch {
  const resolved = resolveBranch({ name: branch, options: { of, ...given } }, ...aroundBranch(databases));
  if (resolved.kind === "invalid") throw optionProblems(resolved.problems);
  return given as OptionsPatch;
}

/** What a branch may be of, and what it may not: the other branches. */
const aroundBranch = (databases: readonly DatabaseSpec[]) =>
  [
    databases.filter(({ branch }) => branch === undefined),
    databases.filter(({ branch }) => branch !== undefined).map(({ name }) => name),
  ] as const;

/**
 * A change of a declared database. @throws NEB601 when the database that it would give does not resolve.
 * @param databases of its project, as they are declared.
 */
export function patchOptions(
  current: DatabaseSpec,
  { autoMerge: _auto, ...given }: Body,
  databases: readonly DatabaseSpec[],
): OptionsPatch {
  const patch = given as OptionsPatch;
  if (Object.keys(patch).length === 0) throw requestProblems([{ path: "", message: "names nothing to change" }]);
  const merged = mergePatch(optionsOf(current, patch), patch);
  const { engine, name: database } = current;
  const resolved =
    current.branch === undefined
      ? resolveDatabase({ engine, name: database, options: merged })
      : resolveBranch({ name: database, options: merged }, ...aroundBranch(databases));
  if (resolved.kind === "invalid") throw optionProblems(resolved.problems);
  return patch;
}

/** What a spec was declared as, as far as a change of it must be checked against. */
function optionsOf(spec: DatabaseSpec, patch: OptionsPatch): OptionsPatch {
  const { minUnits, maxUnits, suspendAfterSeconds } = spec.compute;
  const suspendAfter = suspendAfterSeconds === 0 ? "never" : formatDurationSeconds(suspendAfterSeconds);
  const units = typeof patch.size === "string" ? {} : { min: minUnits, max: maxUnits };
  const all: Record<string, unknown> = {
    version: spec.version,
    compute: { ...units, suspendAfter },
    storage: formatSizeBytes(spec.storageBytes),
    replicas: spec.replicas,
    instances: spec.instances,
    backups: { retention: formatDurationSeconds(spec.backups.retentionSeconds), pitr: spec.backups.pitr },
    extensions: spec.extensions,
    roles: spec.roles,
    allowFrom: spec.allowFrom,
    tags: spec.tags,
    retire: spec.retire,
    ...(spec.synchronous === undefined ? {} : { synchronous: true }),
    ...(spec.connections === undefined ? {} : { connections: connectionsOf(spec.connections) }),
    ...(spec.api === undefined ? {} : { api: apiOptionsOf(spec.api) }),
    ...(spec.passwordSecret === null ? {} : { password: { kind: "secret", name: spec.passwordSecret } }),
    ...spec.engineOptions,
    ...(spec.branch === undefined ? {} : branchOptionsOf(spec.branch)),
  };
  const known = spec.branch === undefined ? knownOptions(spec.engine, []) : Object.keys(branchOptions.shape);
  const has = (key: string) => known.includes(key) && !(key === "backups" && spec.backups.retentionSeconds === 0);
  return Object.fromEntries(Object.entries(all).filter(([key]) => has(key))) as OptionsPatch;
}

const branchOptionsOf = ({ of, at, ttlSeconds }: BranchSpec): Record<string, string> => ({
  of,
  ...(at === null ? {} : { at }),
  ...(ttlSeconds === null ? {} : { ttl: formatDurationSeconds(ttlSeconds) }),
});

function connectionsOf(said: NonNullable<DatabaseSpec["connections"]>): Record<string, string | number> {
  const { max, perSecond, ...seconds } = said;
  const timeouts = Object.entries(seconds).map(([key, value]) => [
    key.replace(/Seconds$/, "Timeout"),
    formatDurationSeconds(value),
  ]);
  return { ...dropUndefined({ max, perSecond }), ...Object.fromEntries(timeouts) };
}

function apiOptionsOf(api: ApiSpec): { readonly [key: string]: Json } {
  const { anonymous, maxBodyBytes, maxResponseBytes, timeoutSeconds, jwt, limits, cache, webhooks, ...same } = api;
  const { endpoints, ...rates } = limits;
  const set = Object.entries(rates).filter(([, rate]) => rate > 0);
  return {
    ...same,
    anonymous: anonymous ? "anon" : null,
    maxBody: formatSizeBytes(maxBodyBytes),
    maxResponse: formatSizeBytes(maxResponseBytes),
    timeout: formatDurationSeconds(timeoutSeconds),
    jwt: jwt.map(({ secret, ...one }) => ({
      ...one,
      ...(secret === undefined ? {} : { secret: { kind: "secret", name: secret } }),
    })),
    ...(webhooks === undefined
      ? {}
      : { webhooks: webhooks.map(({ secret, ...one }) => ({ ...one, secret: { kind: "secret", name: secret } })) }),
    limits: { ...Object.fromEntries(set), endpoints },
    cache: Object.fromEntries(Object.entries(cache).map(([name, seconds]) => [name, formatDurationSeconds(seconds)])),
  };
}

const dropUndefined = (record: Readonly<Record<string, number | undefined>>): Record<string, number> =>
  Object.fromEntries(Object.entries(record).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

/** RFC 7396. */
export function mergePatch(target: OptionsPatch, patch: OptionsPatch): OptionsPatch {
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    const before = merged.get(key);
    if (value === null) merged.delete(key);
    else merged.set(key, isObject(value) ? mergePatch(isObject(before) ? before : {}, value) : value);
  }
  return Object.fromEntries(merged);
}

/** Where a patch changes something, in the notation of the body: `compute.max`. */
export const pathsOf = (patch: OptionsPatch, prefix = ""): string[] =>
  Object.entries(patch).flatMap(([key, value]) =>
    isObject(value) && Object.keys(value).length > 0 ? pathsOf(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
