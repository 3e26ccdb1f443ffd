import type { RelationFacts, RestSettings } from "../types.ts";
import type { Catalog } from "./catalog.ts";
import { type Constraint, constraintsOf, facesOf, relationshipsOf } from "./keys.ts";
import { type BuiltRoutine, routineOf } from "./routines.ts";
import type { AnyRelationship, Column, Relation, RelationKind, Routine, Snapshot } from "./types.ts";
import { type Origin, originsOf, trace } from "./views.ts";

const kinds: Readonly<Record<string, RelationKind>> = {
  ...{ r: "table", p: "table", v: "view", m: "materialized", f: "foreign", c: "composite" },
};

type ColumnRow = readonly [
  number: number,
  name: string,
  type: string,
  isNullable: boolean,
  fallback: string | null,
  identity: string,
  generated: string,
  comment: string | null,
  labels: string[] | null,
  maxLength: number | null,
];

/** The catalogue's rows as one snapshot. Pure. */
export function buildSnapshot(
  catalog: Catalog,
  settings: Pick<RestSettings, "schemas" | "exposed">,
  version: number,
): Snapshot {
  const constraints = constraintsOf(catalog.constraints);
  const origins = trace(new Map(catalog.views.map(([view, action]) => [view ?? "", originsOf(action ?? "")])));
  const numbers = new Map<string, ReadonlyMap<number, string>>();
  const all = catalog.relations.map((row) => relationOf(row, numbers, constraints, origins));
  const byOid = new Map(all.map((relation) => [relation.oid, relation]));
  const exposed = all.filter((relation) => isExposed(relation, settings));
  const exposedOids = new Set(exposed.map(({ oid }) => oid));
  const routines = catalog.routines.map((row) => routineOf(row, byOid));
  const relationships = relationshipsOf(constraints, facesOf(exposed, numbers, origins));
  return {
    version,
    relations: nest(exposed),
    routines: nestRoutines(routines),
    relationships: withComputed(relationships, routines, byOid, exposedOids),
    computed: computedFields(routines),
    casts: castsOf(catalog.types),
    comments: new Map(catalog.comments.map(([schema, comment]) => [schema ?? "", comment ?? ""])),
  };
}

function isExposed(relation: Relation, { schemas, exposed }: Pick<RestSettings, "schemas" | "exposed">): boolean {
  const { schema, name, kind, isGuarded } = relation;
  if (kind === "composite" || !schemas.includes(schema)) return false;
  return exposed({ schema, name, kind, isGuarded } satisfies RelationFacts);
}

function relationOf(
  row: readonly (string | null)[],
  numbers: Map<string, ReadonlyMap<number, string>>,
  constraints: readonly Constraint[],
  origins: ReadonlyMap<string, ReadonlyMap<number, Origin>>,
): Relation {
  const [oid, schema, name, kind, rls, options, updatable, comment, columns] = row.map((value) => value ?? "");
  const parsed = JSON.parse(columns || "[]") as ColumnRow[] | null;
  const names = new Map((parsed ?? []).map(([number, column]) => [number, column]));
  numbers.set(oid ?? "", names);
  const bits = Number(updatable);
  const isView = kind === "v" || kind === "m";
  return {
    ...{ oid: oid ?? "", schema: schema ?? "", name: name ?? "", kind: kinds[kind ?? ""] ?? "composite" },
    columns: new Map((parsed ?? []).map((column) => [column[1], columnOf(column)])),
    primaryKey: keyOf(oid ?? "", names, constraints, isView ? origins.get(oid ?? "") : undefined),
    ...{ isUpdatable: (bits & 4) !== 0, isInsertable: (bits & 8) !== 0, isDeletable: (bits & 16) !== 0 },
    isGuarded: isView ? /(^|,)security_invoker=(true|on|yes|1)(,|$)/i.test(options ?? "") : rls === "true",
    comment: comment === "" ? null : (comment ?? null),
  };
}

function columnOf([
  ,
  name,
  type,
  isNullable,
  fallback,
  identity,
  generated,
  comment,
  labels,
  maxLength,
]: ColumnRow): Column {
  return {
    ...{ name, type, isNullable, comment, labels, maxLength },
    default: identity !== "" || generated !== "" ? (fallback ?? "") : fallback,
    isGenerated: generated !== "" || identity === "a",
  };
}

/** Constraints come in thousands: grouped once. */
const grouped = new WeakMap<readonly Constraint[], ReadonlyMap<string, Constraint>>();

function primaryKeys(constraints: readonly Constraint[]): ReadonlyMap<string, Constraint> {
  const known = grouped.get(constraints);
  if (known !== undefined) return known;
  const made = new Map(constraints.filter(({ type }) => type === "p").map((key) => [key.table, key]));
  grouped.set(constraints, made);
  return made;
}

function keyOf(
  oid: string,
  names: ReadonlyMap<number, string>,
  constraints: readonly Constraint[],
  shown: ReadonlyMap<number, Origin> | undefined,
): readonly string[] {
  const keys = primaryKeys(constraints);
  if (shown === undefined) return (keys.get(oid)?.columns ?? []).map((number) => names.get(number) ?? "");
  const tables = new Set([...shown.values()].map(({ relation }) => relation));
  for (const table of tables) {
    const columns = (keys.get(table)?.columns ?? []).map(
      (column) => [...shown].find(([, origin]) => origin.relation === table && origin.column === column)?.[0],
    );
    if (columns.length > 0 && columns.every((number) => number !== undefined))
      return columns.map((number) => names.get(number ?? 0) ?? "");
  }
  return [];
}

function nest(relations: readonly Relation[]): Map<string, Map<string, Relation>> {
  const nested = new Map<string, Map<string, Relation>>();
  for (const relation of relations) {
    const named = nested.get(relation.schema) ?? new Map<string, Relation>();
    nested.set(relation.schema, named.set(relation.name, relation));
  }
  return nested;
}

function nestRoutines(routines: readonly BuiltRoutine[]): Map<string, Map<string, Routine[]>> {
  const nested = new Map<string, Map<string, Routine[]>>();
  for (const { routine } of routines) {
    const named = nested.get(routine.schema) ?? new Map<string, Routine[]>();
    nested.set(routine.schema, named.set(routine.name, [...(named.get(routine.name) ?? []), routine]));
  }
  return nested;
}

function computedFields(routines: readonly BuiltRoutine[]): Map<string, Map<string, Routine>> {
  const found = new Map<string, Map<string, Routine>>();
  for (const { routine, rowOf } of routines) {
    if (rowOf === undefined || routine.isSet || routine.result.kind !== "scalar") continue;
    const named = found.get(rowOf) ?? new Map<string, Routine>();
    found.set(rowOf, named.set(routine.name, routine));
  }
  return found;
}

/** A computed relationship stands before the keys' ones: a function named like them replaces them. */
function withComputed(
  relationships: Map<string, AnyRelationship[]>,
  routines: readonly BuiltRoutine[],
  byOid: ReadonlyMap<string, Relation>,
  exposed: ReadonlySet<string>,
): Map<string, AnyRelationship[]> {
  for (const { routine, rowOf, isOneRow } of routines) {
    const from = rowOf === undefined ? undefined : byOid.get(rowOf);
    const to = routine.result.kind === "rows" ? routine.result.relation : undefined;
    if (from === undefined || to === undefined || !exposed.has(from.oid) || !exposed.has(to.oid)) continue;
    const isToOne = !routine.isSet || isOneRow;
    relationships.set(from.oid, [
      { kind: "computed", from, to, routine, isToOne },
      ...(relationships.get(from.oid) ?? []),
    ]);
  }
  return relationships;
}

/** The names that SQL has for types beside the catalogue's own. */
const aliases: Readonly<Record<string, string>> = {
  ...{ int: "integer", integer: "integer", bigint: "bigint", smallint: "smallint", real: "real", decimal: "numeric" },
  ...{ "double precision": "double precision", float: "double precision", boolean: "boolean", string: "text" },
  ...{
    "character varying": "character varying",
    character: "character",
    "timestamp with time zone": "timestamp with time zone",
  },
  ...{ "timestamp without time zone": "timestamp without time zone", "time with time zone": "time with time zone" },
};

function castsOf(rows: Catalog["types"]): ReadonlyMap<string, string> {
  const casts = new Map<string, string>(rows.map(([name, sql]) => [name ?? "", sql ?? ""]));
  for (const [name, sql] of Object.entries(aliases)) casts.set(name, sql);
  return casts;
}
