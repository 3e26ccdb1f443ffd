import { quoteIdent } from "../../sql/index.ts";
import { columnsOf, columnText, type SchemaChange } from "./diff.ts";
import type { Column, SchemaObject, Table } from "./types.ts";

/** In which order kinds are made; they go the other way round. */
const order: readonly SchemaObject["kind"][] = [
  ...(["schema", "type", "sequence", "function", "table", "constraint", "index", "view", "materialized view"] as const),
  ...(["trigger", "policy", "grant", "comment"] as const),
];
const rank = ({ kind }: SchemaObject): number => order.indexOf(kind);

/**
 * SQL that makes one schema the other. What it cannot say exactly it says as a comment: a person reads it before it becomes a
 * migration. Pure.
 */
export function statementsOf(changes: readonly SchemaChange[]): readonly string[] {
  const gone = new Set(
    changes.flatMap((one) => (one.change === "removed" && one.object.kind === "table" ? [one.object.name] : [])),
  );
  const replaced = changes.flatMap((one) => (one.change === "changed" && one.to.kind !== "table" ? [one] : []));
  const removed = [
    ...changes.flatMap((one) => (one.change === "removed" ? [one.object] : [])),
    ...replaced
      .filter(({ to }) => to.kind !== "function" && to.kind !== "comment" && to.kind !== "grant")
      .map(({ from }) => from),
  ].filter((one) => !("table" in one && gone.has(one.table)));
  const added = [
    ...changes.flatMap((one) => (one.change === "added" ? [one.object] : [])),
    ...replaced.map(({ to }) => to),
  ];
  const tables = changes.flatMap((one) =>
    one.change === "changed" && one.from.kind === "table" && one.to.kind === "table"
      ? alterTable(one.from, one.to)
      : [],
  );
  const [before, after] = [removed.toSorted((a, b) => rank(b) - rank(a)), added.toSorted((a, b) => rank(a) - rank(b))];
  const until = order.indexOf("table");
  return [
    ...before.map(dropOf),
    ...after.filter((one) => rank(one) <= until).flatMap(createOf),
    ...tables,
    ...after.filter((one) => rank(one) > until).flatMap(createOf),
  ];
}

function dropOf(object: SchemaObject): string {
  switch (object.kind) {
    case "table":
      return `drop table ${object.name}`;
    case "constraint":
      return `alter table ${object.table} drop constraint ${lastOf(object)}`;
    case "index":
      return `drop index ${object.table.split(".")[0]}.${lastOf(object)}`;
    case "trigger":
    case "policy":
      return `drop ${object.kind} ${lastOf(object)} on ${object.table}`;
    default:
      return object.drop;
  }
}

/** Without its table's name: already quoted. */
const lastOf = ({ name, table }: { readonly name: string; readonly table: string }): string =>
  name.slice(table.length + 1);

function createOf(object: SchemaObject): string[] {
  switch (object.kind) {
    case "table":
      return createTable(object);
    case "constraint":
      return [`alter table ${object.table} add constraint ${lastOf(object)} ${object.definition}`];
    case "policy":
      return [object.definition.replace(/ to owner(?= |$)/, " to current_user")];
    case "function":
      return [
        object.definition === "aggregate"
          ? `-- the aggregate ${object.name}: write it by hand`
          : object.definition.trim(),
      ];
    default:
      return [object.definition];
  }
}

function createTable(table: Table): string[] {
  const { name, columns, unlogged, partitionBy, partitionOf, rowSecurity } = table;
  const [parent = "", ...bounds] = partitionOf?.split(" ") ?? [];
  const body =
    partitionOf === null
      ? `(\n${columns.map((column) => `  ${columnText(column, quoteIdent(column.name))}`).join(",\n")}\n)`
      : `partition of ${parent} ${bounds.join(" ")}`;
  const by = partitionBy === null ? "" : ` partition by ${partitionBy}`;
  return [
    `create ${unlogged ? "unlogged " : ""}table ${name} ${body}${by}`,
    ...rowSecurityOf(name, "off", rowSecurity),
  ];
}

function rowSecurityOf(name: string, from: Table["rowSecurity"], to: Table["rowSecurity"]): string[] {
  if (from === to) return [];
  if (to === "off") return [`alter table ${name} disable row level security`];
  const enable = from === "off" ? [`alter table ${name} enable row level security`] : [];
  const force = to === "forced" ? "force" : "no force";
  return to === "forced" || from === "forced" ? [...enable, `alter table ${name} ${force} row level security`] : enable;
}

function alterTable(from: Table, to: Table): string[] {
  const [before, after] = [columnsOf(from), columnsOf(to)];
  const { name } = to;
  const moved = from.partitionBy !== to.partitionBy || from.partitionOf !== to.partitionOf;
  return [
    ...from.columns
      .filter((one) => !after.has(one.name))
      .map((one) => `alter table ${name} drop column ${quoteIdent(one.name)}`),
    ...to.columns.flatMap((column) => {
      const old = before.get(column.name);
      if (old === undefined) return [`alter table ${name} add column ${columnText(column, quoteIdent(column.name))}`];
      return alterColumn(name, old, column);
    }),
    ...rowSecurityOf(name, from.rowSecurity, to.rowSecurity),
    ...(from.unlogged === to.unlogged ? [] : [`alter table ${name} set ${to.unlogged ? "unlogged" : "logged"}`]),
    ...(moved ? [`-- ${name} is partitioned otherwise: write it by hand`] : []),
  ];
}

function alterColumn(table: string, from: Column, to: Column): string[] {
  if (columnText(from) === columnText(to)) return [];
  const alter = `alter table ${table} alter column ${quoteIdent(to.name)}`;
  if (from.generated !== to.generated || from.identity !== to.identity)
    return [`-- ${columnText(from)} of ${table} becomes ${columnText(to)}: write it by hand`];
  const retyped = from.type !== to.type || from.collation !== to.collation;
  return [
    ...(retyped
      ? [
          `${alter} type ${to.type}${to.collation === null ? "" : ` collate ${to.collation}`} using ${quoteIdent(to.name)}::${to.type}`,
        ]
      : []),
    ...(from.default === to.default
      ? []
      : [to.default === null ? `${alter} drop default` : `${alter} set default ${to.default}`]),
    ...(from.notNull === to.notNull ? [] : [`${alter} ${to.notNull ? "set" : "drop"} not null`]),
  ];
}

/** As the text of a file. */
export const toScript = (statements: readonly string[]): string =>
  statements.map((one) => (one.startsWith("--") ? one : `${one};`)).join("\n\n");
