import { Refusal } from "../refusal.ts";
import type { FieldRef, Level, Logic, OrderTerm, SelectEmbed, SelectItem } from "../request/types.ts";
import type { Column, Relation, Snapshot } from "../schema/types.ts";
import { nearest } from "./nearest.ts";
import { findRelationship, isToOne } from "./relationship.ts";
import type { PlannedEmbed, PlannedField, PlannedItem, PlannedLogic, PlannedOrder, ReadNode, Value } from "./types.ts";

export type Place = {
  readonly snapshot: Snapshot;
  readonly schema: string;
  readonly aggregates: boolean;
};

/** What a node's rows are. */
export type Rows = {
  readonly relation?: Relation;
  readonly columns: ReadonlyMap<string, Column>;
  readonly name: string;
};

type Numbers = { next: number };

/** @throws Refusal */
export function planNode(
  place: Place,
  rows: Rows,
  items: readonly SelectItem[],
  level: Level,
  numbers: Numbers = { next: 0 },
): ReadNode {
  const id = numbers.next++;
  const planned = items.map((item) => planItem(place, rows, id, item, level, numbers));
  const embeds = planned.filter((item) => item.kind === "embed");
  for (const name of level.embeds.keys()) if (!embeds.some((embed) => embed.name === name)) throw notEmbedded(name);
  return {
    id,
    ...(rows.relation === undefined ? {} : { relation: rows.relation }),
    columns: rows.columns,
    items: planned,
    where: level.filters.map((logic) => planLogic(place, rows, id, embeds, logic)),
    order: (level.order ?? []).map((term) => planOrder(place, rows, id, embeds, term)),
    ...(level.limit === undefined ? {} : { limit: level.limit }),
    ...(level.offset === undefined ? {} : { offset: level.offset }),
  };
}

const notEmbedded = (name: string) =>
  new Refusal(400, "PGRST108", `'${name}' is not an embedded resource in this request`, {
    hint: `Verify that '${name}' is included in the 'select' query parameter.`,
  });

function planItem(place: Place, rows: Rows, id: number, item: SelectItem, level: Level, numbers: Numbers): PlannedItem {
  if (item.kind === "star") return item;
  if (item.kind === "embed") return planEmbed(place, rows, item, level, numbers);
  const { field, alias, cast, aggregate, aggregateCast } = item;
  if (aggregate !== undefined && !place.aggregates)
    throw new Refusal(400, "PGRST123", "Use of aggregate functions is not allowed", {
      hint: "The database's declaration allows them: api: { aggregates: true }.",
    });
  return {
    kind: "field",
    ...(field === undefined ? {} : { value: resolveField(place, rows, id, field) }),
    name: outputName(alias ?? aggregate ?? nameOf(field)),
    ...(cast === undefined ? {} : { cast: castOf(place, cast) }),
    ...(aggregate === undefined ? {} : { aggregate }),
    ...(aggregateCast === undefined ? {} : { aggregateCast: castOf(place, aggregateCast) }),
  } satisfies PlannedField;
}

/** Of `data->a->>b`: the last key. */
const nameOf = (field: FieldRef | undefined): string =>
  field?.path.findLast(({ kind }) => kind === "key")?.name ?? field?.name ?? "count";

/** Postgres would cut it and give the column another name. */
function outputName(name: string): string {
  if (Buffer.byteLength(name) <= 63 && name !== "") return name;
  throw new Refusal(400, "PGRST100", `a name in the answer has 1 to 63 bytes: '${name.slice(0, 80)}'`);
}

function castOf({ snapshot }: Place, cast: string): string {
  const isArray = cast.endsWith("[]");
  const type = snapshot.casts.get(isArray ? cast.slice(0, -2) : cast);
  if (type === undefined)
    throw new Refusal(400, "42704", `type "${cast}" does not exist`, {
      hint: "A cast may name types of pg_catalog, public, extensions and the API's schemas, but none that looks names up (reg...).",
    });
  return isArray ? `${type}[]` : type;
}

function planEmbed(place: Place, rows: Rows, embed: SelectEmbed, level: Level, numbers: Numbers): PlannedEmbed {
  if (rows.relation === undefined) throw noRelation(rows.name, embed.name);
  const relationship = findRelationship(place.snapshot, place.schema, rows.relation, embed);
  const name = outputName(embed.alias ?? embed.name);
  const { to } = relationship;
  const inner = level.embeds.get(name) ?? { filters: [], embeds: new Map() };
  const node = planNode(place, { relation: to, columns: to.columns, name: to.name }, embed.items, inner, numbers);
  if (embed.isSpread && hasAggregate(node))
    throw new Refusal(400, "PGRST127", "Feature not implemented", {
      details: "Aggregates are not implemented in spread relationships",
    });
  return {
    kind: "embed",
    name,
    relationship,
    isToOne: isToOne(relationship),
    join: embed.join,
    isSpread: embed.isSpread,
    node,
  };
}

const noRelation = (from: string, name: string) =>
  new Refusal(400, "PGRST200", `Could not find a relationship between '${from}' and '${name}' in the schema cache`);

export const hasAggregate = ({ items }: ReadNode): boolean =>
  items.some((item) => item.kind === "field" && item.aggregate !== undefined);

export function resolveField({ snapshot }: Place, rows: Rows, node: number, { name, path }: FieldRef): Value {
  const column = rows.columns.get(name);
  if (column !== undefined) return { node, source: { kind: "column", column }, path };
  const routine = rows.relation === undefined ? undefined : snapshot.computed.get(rows.relation.oid)?.get(name);
  if (routine !== undefined) return { node, source: { kind: "computed", routine }, path };
  const near = nearest(name, rows.columns.keys());
  throw new Refusal(400, "42703", `column ${rows.name}.${name} does not exist`, {
    hint: near === undefined ? columnsListed : `Perhaps you meant to reference the column "${rows.name}.${near}".`,
  });
}

/** Where a client finds the names that it may use. */
export const columnsListed =
  "GET on the API's root (.../rest/v1/) lists the columns of every table that you may use; /docs below the database's address shows them.";

/** `client=is.null` about an embed; everything else is about a column. */
export function planLogic(
  place: Place,
  rows: Rows,
  id: number,
  embeds: readonly PlannedEmbed[],
  logic: Logic,
): PlannedLogic {
  if (logic.kind !== "filter")
    return { ...logic, members: logic.members.map((member) => planLogic(place, rows, id, embeds, member)) };
  const { field, isNegated, operation } = logic;
  const embed = embeds.find(({ name }) => name === field.name);
  if (embed !== undefined && field.path.length === 0 && !rows.columns.has(field.name)) {
    const wanted = operation.kind === "is" ? operation.value : undefined;
    if (wanted !== "null" && wanted !== "not_null")
      throw new Refusal(400, "PGRST120", "Bad operator on the embedded resource", {
        details: `Only is null or not is null filters are allowed on embedded resources`,
        hint: `Filter '${field.name}' with is.null or not.is.null, or one of its columns: '${field.name}.column'.`,
      });
    return {
      kind: "embedded",
      node: embed.node.id,
      isToOne: embed.isToOne,
      wantsNull: (wanted === "null") !== isNegated,
    };
  }
  return { kind: "filter", value: resolveField(place, rows, id, field), isNegated, operation };
}

function planOrder(
  place: Place,
  rows: Rows,
  id: number,
  embeds: readonly PlannedEmbed[],
  term: OrderTerm,
): PlannedOrder {
  const { field, relation, direction, nulls } = term;
  const how = { ...(direction === undefined ? {} : { direction }), ...(nulls === undefined ? {} : { nulls }) };
  if (relation === undefined) return { value: resolveField(place, rows, id, field), ...how };
  const embed = embeds.find(({ name }) => name === relation);
  if (embed === undefined) throw notEmbedded(relation);
  if (!embed.isToOne)
    throw new Refusal(400, "PGRST118", `A related order on '${relation}' is not possible`, {
      details: `'${rows.name}' and '${relation}' do not form a many-to-one or one-to-one relationship`,
    });
  const { to } = embed.relationship;
  return {
    value: resolveField(place, { relation: to, columns: to.columns, name: to.name }, embed.node.id, field),
    embed,
    ...how,
  };
}
