import { quoteIdent } from "../../sql/index.ts";
import { columnsOf, columnText, type SchemaChange } from "./diff.ts";
import type { Column, SchemaObject, Table } from "./types.ts";

type Kind = SchemaObject["kind"];

/** In which order kinds are made; they go the other way round. */
const order: readonly Kind[] = [
  ...(["schema", "type", "sequence", "function", "table", "constraint", "index", "view", "materialized view"] as const),
  ...(["trigger", "policy", "grant", "comment"] as const),
];
const rank = ({ kind }: SchemaObject): number => order.indexOf(kind);
/** What columns can stand on is there before tables change and goes after them; what stands on columns the other way round. */
const isBelow = (object: SchemaObject): boolean => rank(object) <= order.indexOf("table");

/** What is made anew when it is otherwise; a function is replaced, and the others are said to be for a person. */
const remade: readonly Kind[] = ["constraint", "index", "view", "materialized view", "trigger", "policy"];
const replaced: readonly Kind[] = ["function", "grant", "comment"];

/**
 * SQL that makes one schema the other. What it cannot say exactly it says as a comment: a person reads it before it becomes a
 * migration. Pure.
 */
export function statementsOf(changes: readonly SchemaChange[]): readonly string[] {
  const removed = changes.flatMap((one) => (one.change === "removed" ? [one.object] : []));
  const added = changes.flatMap((one) => (one.change === "added" ? [one.object] : []));
  const changed = changes.flatMap((one) => (one.change === "changed" ? [one] : []));
  const dropped = [...removed, ...changed.flatMap(({ from }) => (remade.includes(from.kind) ? [from] : []))];
  const created = [...added, ...changed.flatMap(({ to }) => ([...remade, ...replaced].includes(to.kind) ? [to] : []))];
  const tables = changed.flatMap(({ from, to }) =>
    from.kind === "table" && to.kind === "table" ? alterTable(from, to) : [],
  );
  const byHand = changed.flatMap(({ to }) =>
    [...remade, ...replaced, "table"].includes(to.kind)
      ? []
      : [`-- ${to.kind} ${to.name} is otherwise: write it by hand`],
  );
  const drops = dropped
    .filter((one) => !goesAlong(one, removed))
    .toSorted((a, b) => rank(b) - rank(a) || late(a) - late(b));
  const creates = created.toSorted((a, b) => rank(a) - rank(b));
  const unchecked = created.some(({ kind }) => kind === "function") ? ["set local check_function_bodies = off"] : [];
  return [
    ...unchecked,
    ...drops.filter((one) => !isBelow(one)).map(dropOf),
    ...creates.filter(isBelow).flatMap(createOf),
    ...byHand,
    ...tables,
    ...creates.filter((one) => !isBelow(one)).flatMap(createOf),
    ...drops.filter(isBelow).map(dropOf),
  ];
}

/** What goes with its table: all but a foreign key, which keeps the other table from going. */
function goesAlong(object: SchemaObject, removed: readonly SchemaObject[]): boolean {
  const isGone = (name: string | undefined) => removed.some((one) => one.kind === "table" && one.name === name);
  if (object.kind === "table") return isGone(object.partitionOf?.split(" ")[0]);
  if (object.kind === "comment")
    return removed.some(({ name }) => object.name.endsWith(` ${name}`) || object.name.includes(` ${name}.`));
  return "table" in object && isGone(object.table) && !object.definition.startsWith("FOREIGN KEY");
}

/** Foreign keys before the keys that they need; views on views before those. */
const late = (object: SchemaObject): number =>
  "definition" in object && object.definition.startsWith("FOREIGN KEY") ? -1 : 0;

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
  if (to === "off") {
    const relax = from === "forced" ? [`alter table ${name} no force row level security`] : [];
    return [...relax, `alter table ${name} disable row level security`];
  }
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
