import { canonicalJson } from "../../spec/index.ts";
import { byKey } from "./snapshot.ts";
import type { Column, SchemaObject, Snapshot, Table } from "./types.ts";

/** One thing that two schemas have otherwise. */
export type SchemaChange =
  | { readonly change: "added"; readonly object: SchemaObject }
  | { readonly change: "removed"; readonly object: SchemaObject }
  | { readonly change: "changed"; readonly from: SchemaObject; readonly to: SchemaObject };

/** What leads from one schema to another, in the order in which the snapshots have it. Pure. */
export function diffSchemas(from: Snapshot, to: Snapshot): readonly SchemaChange[] {
  const [before, after] = [byKey(from), byKey(to)];
  const changes: SchemaChange[] = [];
  for (const [key, object] of before) if (!after.has(key)) changes.push({ change: "removed", object });
  for (const [key, object] of after) {
    const old = before.get(key);
    if (old === undefined) changes.push({ change: "added", object });
    else if (canonicalJson(old) !== canonicalJson(object)) changes.push({ change: "changed", from: old, to: object });
  }
  return changes;
}

/** For people: a line a change, and below a table a line a column. */
export function describeSchemaChanges(changes: readonly SchemaChange[]): readonly string[] {
  const gone = new Set(
    changes.flatMap((one) => (one.change === "removed" && one.object.kind === "table" ? [one.object.name] : [])),
  );
  return changes.flatMap((one) => linesOf(one, gone));
}

function linesOf(one: SchemaChange, gone: ReadonlySet<string>): string[] {
  switch (one.change) {
    case "added": {
      const rows = one.object.kind === "table" ? newTableRows(one.object) : [];
      return [`+ ${titleOf(one.object)}`, ...rows.map((row) => `    + ${row}`)];
    }
    case "removed":
      // What a table had goes with it.
      return "table" in one.object && gone.has(one.object.table) ? [] : [`- ${titleOf(one.object)}`];
    case "changed":
      return [`~ ${one.to.kind} ${one.to.name}`, ...detailsOf(one.from, one.to).map((line) => `    ${line}`)];
  }
}

/** Whether its rows are guarded is the first thing that a reviewer of a new table asks. */
function newTableRows({ columns, rowSecurity }: Table): string[] {
  const guarded = { off: [], on: ["row-level security"], forced: ["row-level security, for its owner too"] } as const;
  return [...columns.map((column) => columnText(column)), ...guarded[rowSecurity]];
}

const titleOf = (object: SchemaObject): string =>
  object.kind === "constraint" ? `constraint ${object.name}: ${object.definition}` : `${object.kind} ${object.name}`;

function detailsOf(from: SchemaObject, to: SchemaObject): string[] {
  if (from.kind === "table" && to.kind === "table") return tableDetails(from, to);
  if (!("definition" in from && "definition" in to)) return [];
  return from.definition.length + to.definition.length > 400 ? [] : [`- ${from.definition}`, `+ ${to.definition}`];
}

function tableDetails(from: Table, to: Table): string[] {
  const [before, after] = [columnsOf(from), columnsOf(to)];
  const columns = [
    ...from.columns.filter(({ name }) => !after.has(name)).map((column) => `- ${columnText(column)}`),
    ...to.columns.flatMap((column) => {
      const old = before.get(column.name);
      if (old === undefined) return [`+ ${columnText(column)}`];
      return columnText(old) === columnText(column) ? [] : [`~ ${columnText(old)} → ${columnText(column)}`];
    }),
  ];
  const rest = (["rowSecurity", "unlogged", "partitionBy", "partitionOf"] as const).flatMap((name) =>
    from[name] === to[name] ? [] : [`~ ${name} ${from[name]} → ${to[name]}`],
  );
  return [...columns, ...rest];
}

export const columnsOf = ({ columns }: Table): ReadonlyMap<string, Column> =>
  new Map(columns.map((column) => [column.name, column]));

/** As a declaration of a column: `note text not null default ''::text`. Names are quoted by whoever writes SQL. */
export function columnText(column: Column, name: string = column.name): string {
  const { type, notNull, identity, generated, collation } = column;
  const computed = generated === null ? "" : ` generated always as (${column.default}) ${generated}`;
  return [
    `${name} ${type}`,
    collation === null ? "" : ` collate ${collation}`,
    identity === null ? computed : ` generated ${identity} as identity`,
    column.default === null || generated !== null ? "" : ` default ${column.default}`,
    notNull && identity === null ? " not null" : "",
  ].join("");
}
