import type { Column, Relation, Routine } from "../schema/types.ts";
import { jsonSchema, typeOf } from "./json-types.ts";

export type Described = {
  readonly schema: string;
  readonly comment: string;
  readonly relations: readonly { readonly relation: Relation; readonly may: ReadonlySet<string> }[];
  readonly routines: readonly Routine[];
};

type Json = Record<string, unknown>;

/** OpenAPI 3.1. */
export function openapi({ schema, comment, relations, routines }: Described): Json {
  const paths: Json = {};
  const schemas: Json = {};
  for (const { relation, may } of relations) {
    schemas[relation.name] = relationSchema(relation);
    paths[`/${relation.name}`] = relationPath(relation, may);
  }
  for (const routine of routines) paths[`/rpc/${routine.name}`] = routinePath(routine);
  return {
    openapi: "3.1.0",
    info: { title: comment.split("\n")[0] || schema, description: comment, version: "1" },
    paths,
    components: { schemas, parameters, responses: { Refused: refused } },
  };
}

function relationSchema({ columns, comment }: Relation): Json {
  const required = [...columns.values()].filter(
    ({ isNullable, default: fallback }) => !isNullable && fallback === null,
  );
  return {
    type: "object",
    ...(comment === null ? {} : { description: comment }),
    properties: Object.fromEntries([...columns].map(([name, column]) => [name, nullable(column)])),
    ...(required.length === 0 ? {} : { required: required.map(({ name }) => name) }),
  };
}

function nullable(column: Column): Json {
  const made = jsonSchema(column);
  if (!column.isNullable || made.type === undefined) return made;
  return { ...made, type: [made.type, "null"], ...(column.labels === null ? {} : { enum: [...column.labels, null] }) };
}

const common = ["select", "order", "limit", "offset"] as const;
const parameters: Json = {
  select: {
    name: "select",
    in: "query",
    description: "Columns and embeds, between commas",
    schema: { type: "string" },
  },
  order: {
    name: "order",
    in: "query",
    description: "column.asc|desc.nullsfirst|nullslast",
    schema: { type: "string" },
  },
  limit: { name: "limit", in: "query", schema: { type: "integer", minimum: 0, maximum: 1_000_000 } },
  offset: { name: "offset", in: "query", schema: { type: "integer", minimum: 0, maximum: 1_000_000 } },
  on_conflict: {
    name: "on_conflict",
    in: "query",
    description: "Columns of the key that decides what is a duplicate",
    schema: { type: "string" },
  },
  prefer: { name: "Prefer", in: "header", schema: { type: "string" } },
};

const ref = (name: string) => ({ $ref: `#/components/parameters/${name}` });
const refused: Json = {
  description: "Refused: why, in PostgREST's words",
  content: {
    "application/json": {
      schema: {
        type: "object",
        required: ["code", "message"],
        properties: {
          code: { type: "string" },
          message: { type: "string" },
          details: {},
          hint: { type: ["string", "null"] },
        },
      },
    },
  },
};

const answers = (schema: Json | undefined, ...codes: string[]): Json => ({
  ...Object.fromEntries(
    codes.map((code) => [
      code,
      {
        description: code === "204" ? "Done" : "Rows",
        ...(schema === undefined || code === "204" ? {} : { content: { "application/json": { schema } } }),
      },
    ]),
  ),
  "4XX": { $ref: "#/components/responses/Refused" },
});

function relationPath(
  { name, columns, isInsertable, isUpdatable, isDeletable, comment }: Relation,
  may: ReadonlySet<string>,
): Json {
  const one = { $ref: `#/components/schemas/${pointer(name)}` };
  const rows = { type: "array", items: one };
  const filters = [...columns.values()].map((column) => ({
    ...{ name: column.name, in: "query", required: false },
    description: `A filter: operator.value (${column.type})`,
    schema: { type: "string" },
  }));
  const body = {
    required: true,
    content: {
      "application/json": { schema: { oneOf: [{ type: "object" }, { type: "array", items: { type: "object" } }] } },
    },
  };
  const operation = (verb: string, more: Json): Json => ({
    operationId: `${verb}_${name}`,
    tags: [name],
    ...(comment === null ? {} : { summary: comment.split("\n")[0] }),
    ...more,
  });
  return {
    ...(may.has("select")
      ? {
          get: operation("get", {
            parameters: [...filters, ...common.map(ref), ref("prefer")],
            responses: answers(rows, "200", "206"),
          }),
        }
      : {}),
    ...(may.has("insert") && isInsertable
      ? {
          post: operation("post", {
            parameters: [ref("select"), ref("on_conflict"), ref("prefer")],
            requestBody: body,
            responses: answers(rows, "200", "201"),
          }),
        }
      : {}),
    ...(may.has("update") && isUpdatable
      ? {
          patch: operation("patch", {
            parameters: [...filters, ref("select"), ref("prefer")],
            requestBody: body,
            responses: answers(rows, "200", "204"),
          }),
        }
      : {}),
    ...(may.has("delete") && isDeletable
      ? {
          delete: operation("delete", {
            parameters: [...filters, ref("select"), ref("prefer")],
            responses: answers(rows, "200", "204"),
          }),
        }
      : {}),
  };
}

const pointer = (name: string) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));

function routinePath({ name, arguments: args, volatility, comment, result, isSet }: Routine): Json {
  const named = args.filter((one) => one.name !== "");
  const about = { tags: [`rpc ${name}`], ...(comment === null ? {} : { summary: comment.split("\n")[0] }) };
  const one = result.kind === "scalar" ? typeOf(result.type) : { type: "object" };
  const responses =
    result.kind === "void"
      ? answers(undefined, "204")
      : answers(isSet ? { type: "array", items: one } : one, "200", "206");
  const required = named.filter(({ isRequired }) => isRequired).map((arg) => arg.name);
  const schema = {
    type: "object",
    properties: Object.fromEntries(named.map((arg) => [arg.name, typeOf(arg.type)])),
    ...(required.length === 0 ? {} : { required }),
  };
  const query = named.map((arg) => ({
    name: arg.name,
    in: "query",
    required: arg.isRequired,
    schema: { type: "string" },
  }));
  return {
    ...(volatility === "volatile"
      ? {}
      : { get: { operationId: `get_rpc_${name}`, ...about, parameters: query, responses } }),
    post: {
      ...{ operationId: `post_rpc_${name}`, ...about, parameters: [ref("prefer")] },
      requestBody: { required: required.length > 0, content: { "application/json": { schema } } },
      responses,
    },
  };
}
