/** Relationships out of foreign keys: between tables, and between the views that show their columns. */
import type { StepResult } from "../../../platform/sql/index.ts";
import type { AnyRelationship, JunctionRelationship, Relation, Relationship } from "./types.ts";
import type { Origin } from "./views.ts";

export type Constraint = {
  readonly table: string;
  readonly type: "p" | "u" | "f";
  readonly name: string;
  readonly columns: readonly number[];
  readonly target: string;
  readonly targetColumns: readonly number[];
};

export function constraintsOf(rows: StepResult["rows"]): readonly Constraint[] {
  return rows.map(([table = "", type = "", name = "", columns, target = "", targetColumns]) => ({
    ...{ table: table ?? "", type: type as Constraint["type"], name: name ?? "", target: target ?? "" },
    columns: JSON.parse(columns ?? "[]") as number[],
    targetColumns: JSON.parse(targetColumns ?? "null") ?? [],
  }));
}

/** A relation that shows a table: its columns by the table's numbers. */
export type Face = { readonly relation: Relation; readonly names: ReadonlyMap<number, string> };

/** By the table's oid: the table itself, if the API may name it, and its views. */
export function facesOf(
  relations: readonly Relation[],
  numbers: ReadonlyMap<string, ReadonlyMap<number, string>>,
  origins: ReadonlyMap<string, ReadonlyMap<number, Origin>>,
): ReadonlyMap<string, readonly Face[]> {
  const faces = new Map<string, Face[]>();
  const add = (table: string, face: Face) => faces.set(table, [...(faces.get(table) ?? []), face]);
  for (const relation of relations) {
    const names = numbers.get(relation.oid) ?? new Map<number, string>();
    if (relation.kind === "table" || relation.kind === "foreign") add(relation.oid, { relation, names });
    const shown = new Map<string, Map<number, string>>();
    for (const [number, { relation: table, column }] of origins.get(relation.oid) ?? []) {
      const name = names.get(number);
      const columns = shown.get(table) ?? new Map<number, string>();
      shown.set(table, columns);
      if (name !== undefined && !columns.has(column)) columns.set(column, name);
    }
    for (const [table, columns] of shown) add(table, { relation, names: columns });
  }
  return faces;
}

export function relationshipsOf(
  constraints: readonly Constraint[],
  faces: ReadonlyMap<string, readonly Face[]>,
): Map<string, AnyRelationship[]> {
  const found = new Map<string, AnyRelationship[]>();
  const add = (relationship: AnyRelationship) => {
    const list = found.get(relationship.from.oid);
    if (list === undefined) found.set(relationship.from.oid, [relationship]);
    else list.push(relationship);
  };
  const keys = new Set(
    constraints.filter(({ type }) => type !== "f").map(({ table, columns }) => `${table}:${sorted(columns)}`),
  );
  const toOne = constraints.filter(({ type }) => type === "f").flatMap((constraint) => pairs(constraint, faces, keys));
  for (const relationship of toOne) {
    add(relationship);
    add(reversed(relationship));
  }
  for (const relationship of junctions(toOne)) add(relationship);
  return found;
}

const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b).join();

function pairs(
  constraint: Constraint,
  faces: ReadonlyMap<string, readonly Face[]>,
  keys: ReadonlySet<string>,
): Relationship[] {
  const { table, target, columns, targetColumns, name } = constraint;
  const cardinality = keys.has(`${table}:${sorted(columns)}`) ? "o2o" : "m2o";
  return (faces.get(table) ?? []).flatMap((near) =>
    (faces.get(target) ?? []).flatMap((far): Relationship[] => {
      const mapped = columns.map(
        (column, i) => [near.names.get(column), far.names.get(targetColumns[i] ?? 0)] as const,
      );
      if (mapped.some(([from, to]) => from === undefined || to === undefined)) return [];
      return [
        {
          ...{ kind: "key", from: near.relation, to: far.relation, cardinality, constraint: name },
          columns: mapped as [string, string][],
        },
      ];
    }),
  );
}

const reversed = ({ kind, from, to, cardinality, constraint, columns }: Relationship): Relationship => ({
  ...{ kind, from: to, to: from, constraint },
  cardinality: cardinality === "o2o" ? "o2o" : "o2m",
  columns: columns.map(([a, b]) => [b, a] as const),
});

/** A relation joins two others when its keys to both are part of its own primary key. */
function junctions(toOne: readonly Relationship[]): JunctionRelationship[] {
  const byOrigin = Map.groupBy(toOne, ({ from }) => from);
  return [...byOrigin].flatMap(([junction, keys]) => {
    if (junction.primaryKey.length < 2) return [];
    const within = keys.filter(({ columns }) => columns.every(([own]) => junction.primaryKey.includes(own)));
    return within.flatMap((near) =>
      within.flatMap((far): JunctionRelationship[] => {
        if (near === far || near.constraint === far.constraint) return [];
        return [
          {
            ...{ kind: "junction", from: near.to, to: far.to, junction },
            constraints: [near.constraint, far.constraint],
            near: near.columns.map(([own, theirs]) => [theirs, own] as const),
            far: far.columns,
          },
        ];
      }),
    );
  });
}
