import { z } from "zod";
import { quoteIdent, quoteLiteral } from "../../../platform/sql/index.ts";
import { type FieldProblem, requestProblems } from "../errors.ts";

/** A table in words of JSON, for who makes tables by the API. What they cannot say is a migration's to say. */

const name = z
  .string()
  .min(1)
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "must be text without NUL")
  .refine((text) => Buffer.byteLength(text) <= 63, "is longer than the 63 bytes of a name");

/** A name or one of the types that have several words; then its lengths, and whether it is a list. */
const type =
  /^([a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?|double precision|character varying|bit varying|time(stamp)? with(out)? time zone)(\(\d{1,7}(, ?\d{1,4})?\))?(\[\])?$/;

const fillers = {
  identity: "generated always as identity",
  uuid: "default gen_random_uuid()",
  now: "default now()",
  user: "default (current_setting('request.jwt.claims', true)::json ->> 'sub')",
} as const;

const column = z.strictObject({
  name,
  type: z.string().regex(type, "must be a type as SQL writes it: text, numeric(8, 2), bigint[]"),
  key: z.boolean().default(false).describe("Part of the primary key."),
  required: z.boolean().default(false).describe("May not be null. Columns of the primary key never may."),
  unique: z.boolean().default(false),
  default: z
    .union([z.string().max(10_000), z.number(), z.boolean()])
    .optional()
    .describe("A value, not SQL."),
  filledBy: z
    .enum(["identity", "uuid", "now", "user"])
    .optional()
    .describe("What the database puts where nothing is given: a number, a UUID, the time, or the `sub` of who asks."),
  references: z
    .strictObject({ table: name, column: name.optional() })
    .optional()
    .describe("A table of the same schema. Default of `column`: its primary key."),
});

export const newTable = z.strictObject({
  name,
  columns: z.array(column).min(1).max(200).describe("Without a key the table gets `id bigint` as its key."),
  autoMerge: z.boolean().optional().describe("Merge when every required check has passed. Default false."),
});

type Column = z.output<typeof column>;
export type NewTable = z.output<typeof newTable>;

const identity: Column = {
  ...{ name: "id", type: "bigint", key: true, required: true, unique: false, filledBy: "identity" },
};

/**
 * The migration that makes it, with row-level security on: who may do what is a policy's to say.
 * @throws NEB601 with every column that does not fit.
 */
export function tableSql(schema: string, { name: table, columns }: NewTable): string {
  const all = columns.some(({ key }) => key) ? columns : [identity, ...columns];
  const problems = columnProblems(columns, all);
  if (problems.length > 0) throw requestProblems(problems);
  const keys = all.filter(({ key }) => key);
  const lines = all.map((one) => columnSql(schema, one, keys.length === 1));
  if (keys.length > 1) lines.push(`primary key (${keys.map((one) => quoteIdent(one.name)).join(", ")})`);
  const of = `${quoteIdent(schema)}.${quoteIdent(table)}`;
  return `create table ${of} (\n  ${lines.join(",\n  ")}\n);\nalter table ${of} enable row level security;\n`;
}

function columnProblems(given: readonly Column[], all: readonly Column[]): FieldProblem[] {
  return given.flatMap((one, i) => {
    const problems: FieldProblem[] = [];
    const first = all.findIndex(({ name: other }) => other === one.name);
    if (all[first] !== one)
      problems.push({
        path: `columns.${i}.name`,
        message: all[first] === identity ? "is the name of the key that a table without one gets" : "is named twice",
      });
    if (one.default !== undefined && one.filledBy !== undefined)
      problems.push({ path: `columns.${i}.filledBy`, message: "cannot stand beside a default" });
    return problems;
  });
}

function columnSql(schema: string, one: Column, isOnlyKey: boolean): string {
  const { references } = one;
  const target = references === undefined ? "" : `${quoteIdent(schema)}.${quoteIdent(references.table)}`;
  const columns = references?.column === undefined ? "" : ` (${quoteIdent(references.column)})`;
  return [
    `${quoteIdent(one.name)} ${one.type}`,
    ...(one.filledBy === undefined ? [] : [fillers[one.filledBy]]),
    ...(one.default === undefined ? [] : [`default ${valueSql(one.default)}`]),
    ...(one.key && isOnlyKey ? ["primary key"] : one.required || one.key ? ["not null"] : []),
    ...(one.unique ? ["unique"] : []),
    ...(target === "" ? [] : [`references ${target}${columns}`]),
  ].join(" ");
}

const valueSql = (value: string | number | boolean): string =>
  typeof value === "string" ? quoteLiteral(value).trim() : String(value);

/** `create_order_items`, as migrations are named. */
export const migrationNameOf = (table: string): string =>
  `create_${table.toLowerCase().replaceAll(/[^a-z0-9_]+/g, "_")}`.slice(0, 100);
