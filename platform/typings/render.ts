/**
 * TypeScript of a schema, in the shape that postgrest-js and supabase-js take as `Database`. Pure.
 *
 * 1. Every name that comes out of a database is a quoted string or a plain identifier: no name can end a type and begin code.
 * 2. A type of Postgres's that JSON has no form of is text, as the data API answers it.
 */
import type { ColumnFact, FunctionFact, RelationFact, SchemaFacts, TypeFact } from "./types.ts";

type Known = {
  readonly facts: SchemaFacts;
  readonly schemas: readonly string[];
  readonly types: ReadonlyMap<number, TypeFact>;
  readonly relations: ReadonlyMap<number, RelationFact>;
};

/** @param schemas of the API, the first one first. */
export function renderTypes(facts: SchemaFacts, schemas: readonly string[]): string {
  const known: Known = {
    ...{ facts, schemas },
    types: new Map(facts.types.map((type) => [type.oid, type])),
    relations: new Map(facts.relations.map((relation) => [relation.oid, relation])),
  };
  return [
    "export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];",
    "",
    "export type Database = {",
    '  __InternalSupabase: { PostgrestVersion: "13.0" };',
    ...schemas.flatMap((schema) => indent(renderSchema(known, schema))),
    "};",
    "",
  ].join("\n");
}

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
const nameOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
const textOf = (text: string): string => JSON.stringify(text);

/** `name: { ... };`, or that there is nothing. */
function block(name: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`${name}: Record<never, never>;`] : [`${name}: {`, ...indent(lines), "};"];
}

function renderSchema(known: Known, schema: string): string[] {
  const own = known.facts.relations.filter((one) => one.schema === schema);
  const tables = own.filter(({ kind }) => kind === "r" || kind === "p" || kind === "f");
  const views = own.filter(({ kind }) => kind === "v" || kind === "m");
  const composites = own.filter(({ kind }) => kind === "c");
  const enums = known.facts.types.filter((type) => type.schema === schema && type.kind === "e");
  const functions = Map.groupBy(
    known.facts.functions.filter((one) => one.schema === schema && isCallable(one)),
    ({ name }) => name,
  );
  return block(nameOf(schema), [
    ...block(
      "Tables",
      tables.flatMap((one) => renderRelation(known, one, true)),
    ),
    ...block(
      "Views",
      views.flatMap((one) => renderRelation(known, one, false)),
    ),
    ...block(
      "Functions",
      [...functions].map(([name, all]) => renderFunction(known, name, all)),
    ),
    ...block(
      "Enums",
      enums.map(({ name, labels }) => `${nameOf(name)}: ${(labels ?? []).map(textOf).join(" | ") || "never"};`),
    ),
    ...block(
      "CompositeTypes",
      composites.flatMap((one) => block(nameOf(one.name), rowOf(known, one))),
    ),
  ]);
}

function renderRelation(known: Known, relation: RelationFact, isTable: boolean): string[] {
  const writable = relation.columns.filter(({ isGenerated }) => !isGenerated);
  const blocked = relation.columns
    .filter(({ isGenerated }) => isGenerated)
    .map(({ name }) => `${nameOf(name)}?: never;`);
  const insert = writable.map((column) => {
    const isOptional = !isTable || column.hasDefault || isNullable(known, column);
    return `${nameOf(column.name)}${isOptional ? "?" : ""}: ${columnType(known, column)};`;
  });
  const update = writable.map((column) => `${nameOf(column.name)}?: ${columnType(known, column)};`);
  return block(nameOf(relation.name), [
    ...block("Row", rowOf(known, relation)),
    ...(isTable || relation.isInsertable ? block("Insert", [...insert, ...blocked]) : []),
    ...(isTable || relation.isUpdatable ? block("Update", [...update, ...blocked]) : []),
    ...relationshipsOf(relation),
  ]);
}

const rowOf = (known: Known, { columns }: RelationFact): string[] =>
  columns.map((column) => `${nameOf(column.name)}: ${columnType(known, column)};`);

const isNullable = ({ types }: Known, { isNullable: may, type }: ColumnFact): boolean =>
  may && types.get(type)?.isNotNull !== true;

const columnType = (known: Known, column: ColumnFact): string =>
  `${typeOf(known, column.type)}${isNullable(known, column) ? " | null" : ""}`;

/** Embeds cross no schema. */
function relationshipsOf({ schema, keys }: RelationFact): string[] {
  const own = keys.filter((key) => key.schema === schema);
  if (own.length === 0) return ["Relationships: [];"];
  const list = (names: readonly string[]) => `[${names.map(textOf).join(", ")}]`;
  const lines = own.flatMap((key) => [
    "{",
    `  foreignKeyName: ${textOf(key.name)};`,
    `  columns: ${list(key.columns)};`,
    `  isOneToOne: ${key.isOneToOne};`,
    `  referencedRelation: ${textOf(key.relation)};`,
    `  referencedColumns: ${list(key.referencedColumns)};`,
    "},",
  ]);
  return ["Relationships: [", ...indent(lines), "];"];
}

/** By names, as the API calls functions; one argument may have none. */
const isCallable = ({ inputs }: FunctionFact): boolean => inputs.length < 2 || inputs.every(({ name }) => name !== "");

const renderFunction = (known: Known, name: string, all: readonly FunctionFact[]): string =>
  `${nameOf(name)}: ${all.map((one) => `{ Args: ${argumentsOf(known, one)}; Returns: ${returnsOf(known, one)} }`).join(" | ")};`;

function argumentsOf(known: Known, { inputs }: FunctionFact): string {
  if (inputs.length === 0) return "Record<PropertyKey, never>";
  const all = inputs.map(
    ({ name, type, isOptional }) => `${nameOf(name)}${isOptional ? "?" : ""}: ${typeOf(known, type)}`,
  );
  return `{ ${all.join("; ")} }`;
}

function returnsOf(known: Known, { outputs, returns, isSet }: FunctionFact): string {
  const [only] = outputs;
  const row = `{ ${outputs.map(({ name, type }) => `${nameOf(name)}: ${typeOf(known, type)}`).join("; ")} }`;
  const isRow = outputs.length > 1 || (only !== undefined && known.types.get(returns)?.name === "record");
  const one = isRow ? row : typeOf(known, returns);
  return isSet ? listOf(one) : one;
}

const listOf = (one: string): string => (/^[\w.]+$/.test(one) ? `${one}[]` : `(${one})[]`);

const numbers: ReadonlySet<string> = new Set(["int2", "int4", "int8", "float4", "float8", "numeric", "oid"]);

function typeOf(known: Known, oid: number): string {
  const type = known.types.get(oid);
  if (type === undefined) return "unknown";
  const { kind, name, schema, element, base } = type;
  if (element !== 0) return listOf(typeOf(known, element));
  if (kind === "d") return typeOf(known, base);
  if (kind === "e") return enumOf(known, type);
  if (kind === "c") return compositeOf(known, type);
  if (schema !== "pg_catalog") return "string";
  if (numbers.has(name)) return "number";
  if (name === "bool") return "boolean";
  if (name === "json" || name === "jsonb") return "Json";
  if (name === "void") return "undefined";
  if (name === "record") return "Record<string, unknown>";
  return kind === "p" ? "unknown" : "string";
}

const enumOf = ({ schemas }: Known, { schema, name, labels }: TypeFact): string =>
  schemas.includes(schema)
    ? `Database[${textOf(schema)}]["Enums"][${textOf(name)}]`
    : `(${(labels ?? []).map(textOf).join(" | ") || "never"})`;

function compositeOf({ relations }: Known, { relation }: TypeFact): string {
  const found = relations.get(relation);
  if (found === undefined) return "unknown";
  const { schema, name, kind } = found;
  const place = kind === "c" ? "CompositeTypes" : kind === "v" || kind === "m" ? "Views" : "Tables";
  const row = `Database[${textOf(schema)}][${textOf(place)}][${textOf(name)}]`;
  return kind === "c" ? row : `${row}["Row"]`;
}
