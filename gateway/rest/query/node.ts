import { quoteIdent } from "../../../platform/sql/index.ts";
import { hasAggregate } from "../plan/read.ts";
import type { PlannedEmbed, PlannedField, PlannedItem, PlannedLogic, PlannedOrder, ReadNode } from "../plan/types.ts";
import { embeddedRows, logicSql, valueSql } from "./values.ts";
import { qualified, type Writer } from "./writer.ts";

export type Output = { readonly sql: string; readonly name: string; readonly isAggregate: boolean };

/** One level of a select, in the pieces that its users put together. */
export type NodeSql = {
  readonly outputs: readonly Output[];
  readonly from: string;
  readonly joins: readonly { readonly sql: string; readonly decides: boolean }[];
  readonly where: readonly string[];
  readonly tail: string;
};

/** `from` and the conditions that tie it to what stands around it. */
export type Source = { readonly from: string; readonly where: readonly string[]; readonly limit: string };

export function nodeSql(node: ReadNode, source: Source, writer: Writer): NodeSql {
  const deciding = new Set(node.where.flatMap(embeddedIn));
  const parts = node.items.map((item) => itemSql(item, node, writer, deciding));
  const outputs = parts.flatMap((part) => part.outputs);
  const grouping = hasAggregate(node) ? groupOf(outputs) : "";
  const order = node.order.map((term) => orderSql(term, node, writer)).join(", ");
  return {
    outputs,
    from: source.from,
    joins: parts.flatMap((part) => part.joins),
    where: [...source.where, ...node.where.map((logic) => logicSql(logic, writer))],
    tail: `${grouping}${order === "" ? "" : ` order by ${order}`}${source.limit}`,
  };
}

function itemSql(item: PlannedItem, node: ReadNode, writer: Writer, deciding: ReadonlySet<number>): EmbedSql {
  if (item.kind === "star") return { outputs: starOf(node, writer), joins: [] };
  if (item.kind === "field") return { outputs: [fieldOutput(item, writer)], joins: [] };
  return embedSql(item, node, writer, item.join === "inner" || deciding.has(item.node.id));
}

export function selectOf({ outputs, from, joins, where, tail }: NodeSql): string {
  const list = outputs.map(({ sql, name }) => (name === "*" ? sql : `${sql} as ${quoteIdent(name)}`)).join(", ");
  return `select ${list} from ${from}${joins.map(({ sql }) => sql).join("")}${conditions(where)}${tail}`;
}

export const conditions = (where: readonly string[]) => (where.length === 0 ? "" : ` where ${where.join(" and ")}`);

/** How many rows there would be without order and limits. */
export function countOf(node: ReadNode, sql: NodeSql, most: number | null): string {
  const cut = most === null ? "" : ` limit ${most}`;
  const inner = hasAggregate(node)
    ? selectOf({ ...sql, tail: groupOf(sql.outputs) })
    : `select 1 from ${sql.from}${sql.joins
        .filter(({ decides }) => decides)
        .map((join) => join.sql)
        .join("")}${conditions(sql.where)}`;
  return `(select pg_catalog.count(*) from (${inner}${cut}) as c)`;
}

function embeddedIn(logic: PlannedLogic): readonly number[] {
  if (logic.kind === "embedded") return [logic.node];
  return logic.kind === "filter" ? [] : logic.members.flatMap(embeddedIn);
}

/** `*`, spelt out where the rows have columns of ours or the columns are grouped by. */
function starOf(node: ReadNode, writer: Writer): readonly Output[] {
  const isSpelt = hasAggregate(node) || (node.id === 0 && writer.isRootDerived);
  if (!isSpelt) return [{ sql: `r${node.id}.*`, name: "*", isAggregate: false }];
  return speltOut(node);
}

const speltOut = (node: ReadNode): readonly Output[] =>
  [...node.columns.keys()].map((name) => ({ sql: `r${node.id}.${quoteIdent(name)}`, name, isAggregate: false }));

function fieldOutput({ value, name, cast, aggregate, aggregateCast }: PlannedField, writer: Writer): Output {
  const plain = value === undefined ? "*" : valueSql(value, writer);
  const inner = cast === undefined ? plain : `cast(${plain} as ${cast})`;
  const whole = aggregate === undefined ? inner : `pg_catalog.${aggregate}(${inner})`;
  return {
    sql: aggregateCast === undefined ? whole : `cast(${whole} as ${aggregateCast})`,
    name,
    isAggregate: aggregate !== undefined,
  };
}

function groupOf(outputs: readonly Output[]): string {
  const places = outputs.flatMap(({ isAggregate }, i) => (isAggregate ? [] : [i + 1]));
  return places.length === 0 ? "" : ` group by ${places.join(", ")}`;
}

function orderSql({ value, embed, direction, nulls }: PlannedOrder, parent: ReadNode, writer: Writer): string {
  const plain =
    embed === undefined ? valueSql(value, writer) : relatedValue(valueSql(value, writer), embed, parent, writer);
  return `${plain}${direction === undefined ? "" : ` ${direction}`}${nulls === undefined ? "" : ` nulls ${nulls}`}`;
}

function relatedValue(value: string, embed: PlannedEmbed, parent: ReadNode, writer: Writer): string {
  const { from, where } = sourceOf(embed, parent, writer);
  const filters = embed.node.where
    .filter((logic) => embeddedIn(logic).length === 0)
    .map((logic) => logicSql(logic, writer));
  return `(select ${value} from ${from}${conditions([...where, ...filters])} limit 1)`;
}

type EmbedSql = { readonly outputs: readonly Output[]; readonly joins: NodeSql["joins"] };

function embedSql(embed: PlannedEmbed, parent: ReadNode, writer: Writer, decides: boolean): EmbedSql {
  if (!decides && isSilent(embed.node)) return { outputs: [], joins: [] };
  const child = nodeSql(embed.node, sourceOf(embed, parent, writer), writer);
  const spelt = {
    ...child,
    outputs: child.outputs.flatMap((one) => (one.name === "*" && embed.isSpread ? speltOut(embed.node) : [one])),
  };
  const alias = `e${embed.node.id}`;
  const { lateral, outputs } = embed.isToOne
    ? toOne(embed, spelt, alias, hasAggregate(parent))
    : toMany(embed, spelt, alias, hasAggregate(parent));
  const condition = embed.isToOne ? "true" : `${alias}.${embeddedRows} is not null`;
  const join =
    embed.join === "inner"
      ? ` join lateral (${lateral}) as ${alias} on ${condition}`
      : ` left join lateral (${lateral}) as ${alias} on true`;
  return { outputs, joins: [{ sql: join, decides }] };
}

/** Gives nothing: only there to be asked about. */
const isSilent = ({ items }: ReadNode): boolean => items.every((item) => item.kind === "embed" && isSilent(item.node));

type Lateral = { readonly lateral: string; readonly outputs: readonly Output[] };
const plain = (sql: string, name: string): Output => ({ sql, name, isAggregate: false });

function toOne({ name, isSpread }: PlannedEmbed, child: NodeSql, alias: string, isGrouped: boolean): Lateral {
  if (child.outputs.length === 0)
    return { lateral: selectOf({ ...child, outputs: [plain("true", "nebula_row")] }), outputs: [] };
  const lateral = selectOf(child);
  if (isSpread)
    return { lateral, outputs: child.outputs.map((one) => plain(`${alias}.${quoteIdent(one.name)}`, one.name)) };
  return { lateral, outputs: [plain(`pg_catalog.${isGrouped ? "to_jsonb" : "row_to_json"}(${alias})`, name)] };
}

function toMany({ name, isSpread }: PlannedEmbed, child: NodeSql, alias: string, isGrouped: boolean): Lateral {
  const rows = `from (${selectOf(child)}) as x`;
  const agg = isGrouped ? "jsonb_agg" : "json_agg";
  const type = isGrouped ? "jsonb" : "json";
  if (child.outputs.length === 0)
    return { lateral: `select nullif(pg_catalog.count(*), 0) as ${embeddedRows} ${rows}`, outputs: [] };
  if (!isSpread)
    return {
      lateral: `select pg_catalog.${agg}(x) as ${embeddedRows} ${rows}`,
      outputs: [plain(`coalesce(${alias}.${embeddedRows}, '[]'::${type})`, name)],
    };
  const lists = child.outputs.map(
    (one) => `coalesce(pg_catalog.${agg}(x.${quoteIdent(one.name)}), '[]'::${type}) as ${quoteIdent(one.name)}`,
  );
  return {
    lateral: `select nullif(pg_catalog.count(*), 0) as ${embeddedRows}, ${lists.join(", ")} ${rows}`,
    outputs: child.outputs.map((one) => plain(`${alias}.${quoteIdent(one.name)}`, one.name)),
  };
}

function sourceOf({ relationship, node, isToOne }: PlannedEmbed, parent: ReadNode, writer: Writer): Source {
  const row = `r${node.id}`;
  const equal = (near: string, far: string, pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([a, b]) => `${near}.${quoteIdent(a)} = ${far}.${quoteIdent(b)}`);
  const limit = isToOne ? (relationship.kind === "computed" ? " limit 1" : "") : limitOf(node, writer);
  switch (relationship.kind) {
    case "key":
      return {
        from: `${qualified(relationship.to)} as ${row}`,
        where: equal(`r${parent.id}`, row, relationship.columns),
        limit,
      };
    case "junction": {
      const junction = `j${node.id}`;
      const on = equal(junction, row, relationship.far).join(" and ");
      return {
        from: `${qualified(relationship.to)} as ${row} join ${qualified(relationship.junction)} as ${junction} on ${on}`,
        where: equal(`r${parent.id}`, junction, relationship.near),
        limit,
      };
    }
    case "computed":
      return { from: `${qualified(relationship.routine)}(${writer.row(parent.id)}) as ${row}`, where: [], limit };
  }
}

/** Of an embed: what was asked for (the parser has cut it), or the most there may be. */
function limitOf({ limit, offset }: ReadNode, writer: Writer): string {
  const most =
    limit !== undefined ? ` limit ${writer.slot(limit)}` : writer.maxRows === null ? "" : ` limit ${writer.maxRows}`;
  return `${most}${offset === undefined ? "" : ` offset ${writer.slot(offset)}`}`;
}
