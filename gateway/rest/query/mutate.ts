import { quoteIdent, quoteLiteral } from "../../../platform/sql/index.ts";
import type { MutatePlan, PlannedItem, PlannedLogic, ReadNode, Value } from "../plan/types.ts";
import type { Column, Relation } from "../schema/types.ts";
import { conditions } from "./node.ts";
import { logicSql } from "./values.ts";
import { qualified, rowColumn, type Writer } from "./writer.ts";

/** The statement that changes rows and returns what of them is needed afterwards. */
export function changeSql(plan: MutatePlan, writer: Writer): string {
  const target = `${qualified(plan.relation)} as r0`;
  const returning = ` returning ${returningOf(plan).join(", ")}`;
  const where = () => conditions(plan.where.map((logic) => logicSql(logic, writer)));
  switch (plan.how) {
    case "delete":
      return `delete from ${target}${where()}${returning}`;
    case "update": {
      if (plan.columns.length === 0 || plan.count === 0) return nothing(plan);
      const set = plan.columns.map(({ name }) => `${quoteIdent(name)} = b.${quoteIdent(name)}`).join(", ");
      return `update ${target} set ${set} from ${bodyRows(plan, writer, true)}${where()}${returning}`;
    }
    default:
      return insertSql(plan, target, returning, writer);
  }
}

function insertSql(plan: MutatePlan, target: string, returning: string, writer: Writer): string {
  const { columns, conflict, how } = plan;
  if (plan.count === 0) return nothing(plan);
  if (columns.length === 0) return `insert into ${target} default values${returning}`;
  const names = columns.map(({ name }) => quoteIdent(name));
  const where = how === "put" ? plan.where.flatMap((logic) => keyCondition(logic, writer)) : [];
  const counted = conflict?.does === "update" ? [...where, counting(1)] : where;
  return (
    `insert into ${target} (${names.join(", ")}) select ${names.map((name) => `b.${name}`).join(", ")} ` +
    `from ${bodyRows(plan, writer, false)}${conditions(counted)}${conflictSql(plan)}${returning}`
  );
}

/** A PUT's conditions are about the row that comes, not about the one that is there. The plan lets only `key=eq.value` through. */
function keyCondition(logic: PlannedLogic, writer: Writer): string[] {
  if (logic.kind !== "filter" || logic.value.source.kind !== "column" || logic.operation.kind !== "compare") return [];
  return [`b.${quoteIdent(logic.value.source.column.name)} = ${writer.slot(logic.operation.slot)}`];
}

function conflictSql({ conflict, columns }: MutatePlan): string {
  if (conflict === undefined) return "";
  const target = ` on conflict (${conflict.columns.map(quoteIdent).join(", ")})`;
  if (conflict.does === "nothing") return `${target} do nothing`;
  const set = columns.map(({ name }) => `${quoteIdent(name)} = excluded.${quoteIdent(name)}`).join(", ");
  return `${target} do update set ${set} where ${counting(-1)}`;
}

const counter = "'nebula.inserted'";

/** Counts rows that are new: one up for each that comes, one down for each that was there. Needs no right on the table. */
const counting = (by: 1 | -1) =>
  `pg_catalog.set_config(${counter}, (coalesce(nullif(pg_catalog.current_setting(${counter}, true), ''), '0')::int + ${by})::text, true) is not null`;

export const insertedSql = `nullif(pg_catalog.current_setting(${counter}, true), '')`;

/** Rows of the body as `b`, typed by the columns. */
function bodyRows({ relation, columns, isArray, usesDefaults }: MutatePlan, writer: Writer, isOne: boolean): string {
  const body = `${writer.param({ kind: "body" })}::json`;
  const list = `b(${columns.map(({ name, type }) => `${quoteIdent(name)} ${type}`).join(", ")})`;
  const one = isArray && isOne ? `(${body} -> 0)` : body;
  if (!usesDefaults) return `pg_catalog.json_to_record${isArray && !isOne ? "set" : ""}(${one}) as ${list}`;
  const defaults = columns.flatMap((column) => {
    const fallback = defaultOf(column, relation);
    return fallback === undefined ? [] : [`${keyLiteral(column.name)}, ${fallback}`];
  });
  const each = isArray && !isOne ? `pg_catalog.jsonb_array_elements(${body}::jsonb)` : `(select ${one}::jsonb)`;
  return (
    `${each} as d(value) cross join lateral pg_catalog.jsonb_to_record(` +
    `pg_catalog.jsonb_build_object(${defaults.join(", ")}) || d.value) as ${list}`
  );
}

/** An identity has a sequence and no expression. */
function defaultOf(column: Column, relation: Relation): string | undefined {
  if (column.default === null || column.isGenerated) return undefined;
  if (column.default !== "") return column.default;
  return `pg_catalog.nextval(pg_catalog.pg_get_serial_sequence(${quoteLiteral(qualified(relation))}, ${quoteLiteral(column.name)}))`;
}

const keyLiteral = (name: string) => `${quoteLiteral(name)}::text`;

/** No row, with the columns of one. */
const nothing = (plan: MutatePlan) =>
  `select ${returningOf(plan).join(", ")} from ${qualified(plan.relation)} as r0 where false`;

function returningOf({ returns, node, relation }: MutatePlan): readonly string[] {
  if (returns === "minimal") return ["1 as nebula_one"];
  if (returns === "headers-only")
    return relation.primaryKey.length === 0
      ? ["1 as nebula_one"]
      : relation.primaryKey.map((name) => `r0.${quoteIdent(name)}`);
  const needed = { columns: new Set<string>(), needsRow: false };
  collect(node, needed);
  const columns = [...needed.columns].map((name) => `r0.${quoteIdent(name)}`);
  const all = needed.needsRow ? [...columns, `r0 as ${rowColumn}`] : columns;
  return all.length === 0 ? ["1 as nebula_one"] : all;
}

type Needed = { readonly columns: Set<string>; needsRow: boolean };

function collect(node: ReadNode, needed: Needed): void {
  for (const item of node.items) collectItem(item, node, needed);
  for (const { value, embed } of node.order) if (embed === undefined) collectValue(value, needed);
}

function collectItem(item: PlannedItem, node: ReadNode, needed: Needed): void {
  if (item.kind === "star") for (const name of node.columns.keys()) needed.columns.add(name);
  else if (item.kind === "field") {
    if (item.value !== undefined) collectValue(item.value, needed);
  } else if (item.relationship.kind === "key") for (const [own] of item.relationship.columns) needed.columns.add(own);
  else if (item.relationship.kind === "junction") for (const [own] of item.relationship.near) needed.columns.add(own);
  else needed.needsRow = true;
}

function collectValue({ source }: Value, needed: Needed): void {
  if (source.kind === "column") needed.columns.add(source.column.name);
  else needed.needsRow = true;
}
