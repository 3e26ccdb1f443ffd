/** Swagger 2.0, in the shape that tools for PostgREST read: definitions with notes on keys. */
import type { Relation, Routine } from "../schema/types.ts";
import { jsonSchema, typeOf } from "./json-types.ts";
import type { Described } from "./openapi.ts";

type Json = Record<string, unknown>;

export function swagger({ schema, comment, relations, routines }: Described): Json {
  return {
    swagger: "2.0",
    info: { title: comment.split("\n")[0] || schema, description: comment, version: "1" },
    consumes: mediaTypes,
    produces: mediaTypes,
    paths: Object.fromEntries([
      ["/", { get: { tags: ["Introspection"], summary: "This document", responses: { 200: { description: "OK" } } } }],
      ...relations.map(({ relation, may }) => [`/${relation.name}`, relationPath(relation, may)]),
      ...routines.map((routine) => [`/rpc/${routine.name}`, routinePath(routine)]),
    ]),
    definitions: Object.fromEntries(relations.map(({ relation }) => [relation.name, definition(relation)])),
  };
}

const mediaTypes = [
  "application/json",
  "application/vnd.pgrst.object+json;nulls=stripped",
  "application/vnd.pgrst.object+json",
  "text/csv",
];

function definition({ columns, primaryKey, comment }: Relation): Json {
  const all = [...columns.values()];
  const note = (name: string) => (primaryKey.includes(name) ? "Note:\nThis is a Primary Key.<pk/>" : undefined);
  return {
    type: "object",
    ...(comment === null ? {} : { description: comment }),
    required: all.filter(({ isNullable }) => !isNullable).map(({ name }) => name),
    properties: Object.fromEntries(
      all.map((column) => {
        const { description, ...rest } = jsonSchema(column);
        const text = [description, note(column.name)].filter((part) => part !== undefined).join("\n\n");
        return [column.name, { ...rest, ...(text === "" ? {} : { description: text }) }];
      }),
    ),
  };
}

function relationPath(
  { name, columns, isInsertable, isUpdatable, isDeletable }: Relation,
  may: ReadonlySet<string>,
): Json {
  const filters = [...columns.keys()].map((column) => ({ name: column, in: "query", type: "string", required: false }));
  const read = ["select", "order", "limit", "offset"].map((parameter) => ({
    name: parameter,
    in: "query",
    type: "string",
    required: false,
  }));
  const body = [{ name, in: "body", required: false, schema: { $ref: `#/definitions/${name}` } }];
  const ok = (code: number) => ({ [code]: { description: "OK" } });
  const tags = [name];
  return {
    ...(may.has("select")
      ? { get: { tags, parameters: [...filters, ...read], responses: { ...ok(200), ...ok(206) } } }
      : {}),
    ...(may.has("insert") && isInsertable ? { post: { tags, parameters: body, responses: ok(201) } } : {}),
    ...(may.has("update") && isUpdatable
      ? { patch: { tags, parameters: [...filters, ...body], responses: ok(204) } }
      : {}),
    ...(may.has("delete") && isDeletable ? { delete: { tags, parameters: filters, responses: ok(204) } } : {}),
  };
}

function routinePath({ name, arguments: args, volatility }: Routine): Json {
  const tags = [`(rpc) ${name}`];
  const properties = Object.fromEntries(args.map((one) => [one.name, { ...typeOf(one.type), format: one.type }]));
  const required = args.filter(({ isRequired }) => isRequired).map((one) => one.name);
  const schema = { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
  const query = args.map((one) => ({ name: one.name, in: "query", type: "string", required: one.isRequired }));
  const responses = { 200: { description: "OK" } };
  return {
    ...(volatility === "volatile" ? {} : { get: { tags, parameters: query, responses } }),
    post: { tags, parameters: [{ name: "args", in: "body", required: true, schema }], responses },
  };
}
