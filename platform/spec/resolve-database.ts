import { z } from "zod";
import { apiProblems, declaredApi } from "./api.ts";
import { deepFreeze } from "./canonical.ts";
import { connectionDefaults, defaults, findSize } from "./catalogue.ts";
import { conflictingOptions, duplicateName, problem, type Resolved, type SpecProblem } from "./errors.ts";
import { toProblems, valueAt } from "./issues.ts";
import { nameProblem, roleProblems, shown } from "./names.ts";
import { engineDefaults, optionSchemas } from "./schema.ts";
import type { ConnectionLimits, DatabaseSpec, Engine, RoleSpec } from "./types.ts";
import { durationSeconds } from "./units.ts";

/** A database as declared: what `new Postgres("orders", {...})` records. */
export type DeclaredDatabase = { readonly engine: Engine; readonly name: string; readonly options: unknown };

/** Fills the defaults and checks everything; every problem at once, each with the path of its option. */
export function resolveDatabase(declared: DeclaredDatabase): Resolved<DatabaseSpec> {
  const { engine, name } = declared;
  const options = declared.options ?? {};
  const parsed = optionSchemas[engine].safeParse(options);
  const named = nameProblem("database", name);
  const problems: SpecProblem[] = [
    ...(named === undefined ? [] : [named]),
    ...(parsed.success ? [] : toProblems(parsed.error.issues, options, (path) => knownOptions(engine, path))),
    ...contradictions(options),
    ...repeats(name, options),
    ...(engine === "postgres" ? apiProblems(options) : []),
  ];
  if (!parsed.success || problems.length > 0) return { kind: "invalid", problems };
  return { kind: "ok", spec: deepFreeze(fill(engine, name, parsed.data)) };
}

type Options = z.output<(typeof optionSchemas)[Engine]>;

function fill(engine: Engine, name: string, options: Options): DatabaseSpec {
  const named = options.size === undefined ? undefined : findSize(options.size);
  const maxUnits = named?.units ?? options.compute?.max ?? Math.max(defaults.maxUnits, options.compute?.min ?? 0);
  const pitrCapable = engine !== "redis" && engine !== "elasticsearch";
  const retentionSeconds = options.backups?.retention ?? defaults.retentionSeconds;
  const replicas = ("replicas" in options ? options.replicas : undefined) ?? defaults.replicas;
  const pitr = options.backups !== undefined && "pitr" in options.backups ? options.backups.pitr : undefined;
  return {
    engine,
    name,
    version: options.version,
    compute: {
      minUnits: named?.units ?? options.compute?.min ?? Math.min(defaults.minUnits, maxUnits),
      maxUnits,
      // who has standbys is to be there: it sleeps only when it says so
      suspendAfterSeconds: options.compute?.suspendAfter ?? (replicas > 0 ? 0 : defaults.suspendAfterSeconds),
    },
    storageBytes: options.storage ?? named?.storageBytes ?? defaults.storageBytes,
    replicas,
    instances: options.instances ?? defaults.instances,
    backups: { retentionSeconds, pitr: pitr ?? (pitrCapable && retentionSeconds > 0 && defaults.pitr) },
    extensions: "extensions" in options ? [...(options.extensions ?? [])].sort() : [],
    roles: "roles" in options ? fillRoles(options.roles ?? []) : [],
    allowFrom: [...(options.allowFrom ?? [])].sort(),
    tags: Object.fromEntries(Object.entries(options.tags ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))),
    passwordSecret: options.password?.name ?? null,
    engineOptions: Object.fromEntries(
      Object.entries(engineDefaults[engine]).map(([key, standard]) => [
        key,
        (options as Readonly<Record<string, unknown>>)[key] ?? standard,
      ]),
    ) as DatabaseSpec["engineOptions"],
    retire: options.retire ?? false,
    ...("synchronous" in options && options.synchronous === true ? { synchronous: true as const } : {}),
    ...("connections" in options ? declaredConnections(options.connections) : {}),
    ...("api" in options ? declaredApi(options.api) : {}),
  };
}

type DeclaredConnections = z.output<(typeof optionSchemas)["postgres"]>["connections"];

/** What is said of connections; nothing at all where nothing is. */
export function declaredConnections(said: DeclaredConnections): Pick<DatabaseSpec, "connections"> {
  const { max, perSecond, idleTimeout, transactionTimeout, statementTimeout } = said ?? {};
  const all = {
    ...{ max, perSecond, idleSeconds: idleTimeout, transactionSeconds: transactionTimeout },
    statementSeconds: statementTimeout,
  };
  const connections = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return Object.keys(connections).length === 0 ? {} : { connections };
}

/** Every limit on a database's clients. Without a declared number it takes what a server of its size has room for. */
export function connectionLimits({
  connections,
  compute,
}: Pick<DatabaseSpec, "connections" | "compute">): ConnectionLimits {
  const room = Math.round(Math.min(400, Math.max(25, 100 * compute.maxUnits)));
  return { max: room, ...connectionDefaults, ...connections };
}

const fillRoles = (
  roles: readonly { name: string; login?: boolean | undefined; access?: "read" | "write" | undefined }[],
): RoleSpec[] =>
  roles
    .map(({ name, login, access }) => ({ name, login: login ?? true, access: access ?? "read" }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** Options that are fine alone and not together. Reads leniently: what has a wrong type is reported elsewhere. */
export function contradictions(options: unknown): SpecProblem[] {
  const at = (...path: string[]) => valueAt(options, path);
  const problems: SpecProblem[] = [];
  const [min, max, retention] = [at("compute", "min"), at("compute", "max"), at("backups", "retention")];
  if (typeof min === "number" && typeof max === "number" && min > max)
    problems.push(problem(conflictingOptions, ["compute", "min"], `compute.min ${min} is above compute.max ${max}`));
  if (at("size") !== undefined && (min !== undefined || max !== undefined))
    problems.push(
      problem(
        conflictingOptions,
        ["size"],
        `size ${shown(at("size"))} and compute units both say how large it is`,
        "Keep one of them; compute.suspendAfter may stand beside size.",
      ),
    );
  if (at("synchronous") === true && !(Number(at("replicas") ?? 0) > 0))
    problems.push(
      problem(
        conflictingOptions,
        ["synchronous"],
        "synchronous commits wait for a replica, and there is none",
        "Declare `replicas: 1` or more beside it, or leave it out.",
      ),
    );
  if (at("backups", "pitr") === true && typeof retention === "string" && durationSeconds(retention) === 0)
    problems.push(
      problem(conflictingOptions, ["backups", "pitr"], "point-in-time restore needs a backup retention above zero"),
    );
  return problems;
}

/** Lists longer than any limit are refused for their length; comparing all their members would only take time. */
const mostCompared = 1_000;

/** Twins inside one declaration, and what is wrong with role names. */
export function repeats(database: string, options: unknown): SpecProblem[] {
  const list = (key: string): readonly unknown[] => {
    const value = valueAt(options, [key]);
    return Array.isArray(value) ? value.slice(0, mostCompared) : [];
  };
  const roles = list("roles").map((role) => valueAt(role, ["name"]));
  const names = roles.filter((name) => typeof name === "string");
  return [
    ...twins(list("extensions"), (index) => ["extensions", index], "the extension"),
    ...twins(list("allowFrom"), (index) => ["allowFrom", index], "the block"),
    ...twins(roles, (index) => ["roles", index, "name"], "the role"),
    ...(names.length === roles.length ? roleProblems(database, names) : []),
  ];
}

function twins(values: readonly unknown[], path: (index: number) => (string | number)[], what: string): SpecProblem[] {
  return values.flatMap((value, index) =>
    typeof value === "string" && values.indexOf(value) < index
      ? [problem(duplicateName, path(index), `${what} ${shown(value)} is listed twice`, "Remove one of them.")]
      : [],
  );
}

/** The options an engine has at a path, for hints. */
export const knownOptions = (engine: Engine, path: readonly (string | number)[]): readonly string[] =>
  knownIn(optionSchemas[engine], path);

export function knownIn(options: z.core.$ZodType, path: readonly (string | number)[]): readonly string[] {
  let schema = options;
  for (const part of path) {
    schema = unwrap(schema);
    const next: z.core.$ZodType | undefined =
      schema instanceof z.ZodObject
        ? (schema.shape[String(part)] as z.core.$ZodType | undefined)
        : schema instanceof z.ZodArray
          ? schema.element
          : undefined;
    if (next === undefined) return [];
    schema = next;
  }
  const last = unwrap(schema);
  return last instanceof z.ZodObject ? Object.keys(last.shape) : [];
}

const unwrap = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodOptional ? unwrap(schema.unwrap()) : schema;
