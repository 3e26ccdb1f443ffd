import { z } from "zod";
import { databaseId } from "../../../platform/spec/index.ts";
import { addMigration } from "../add-migration.ts";
import { findView } from "../databases/view.ts";
import { notFound, requestProblems } from "../errors.ts";
import { json, route } from "../route.ts";
import { anyJson, change, named } from "../schemas.ts";
import { type Asking, askData, type Description, describeData } from "./ask.ts";
import { type ColumnSchema, recordProblems } from "./check.ts";
import { migrationNameOf, newTable, tableSql } from "./create.ts";

/**
 * Tables and records by the portal's own words: a thin layer over the data API, for who wants one address and one shape of errors. The
 * dialect of the data API - embeds, functions, upserts - is the data API's.
 */
const part = "[a-z][a-z0-9-]{0,39}";
type Params = { readonly address: string };

const address = z
  .string()
  .regex(new RegExp(`^${part}\\.${part}\\.${part}$`), "must be tenant.project.database")
  .describe("`tenant.project.database`");
const tableName = z.string().min(1).max(63);
const databaseParams = z.strictObject({ address });
const tableParams = z.strictObject({ address, table: tableName });

const inDatabase = ({ address: text }: Params) => {
  const [tenant = "", project = "", database = ""] = text.split(".");
  return { tenant, project, database };
};

const table = named(
  "DataTable",
  "A table or view of the data API, as far as this key may use it.",
  z.strictObject({
    name: z.string(),
    may: z.array(z.enum(["read", "insert", "update", "delete"])),
    columns: z.array(
      z.strictObject({
        name: z.string(),
        type: z.string().describe("As SQL writes it."),
        required: z.boolean(),
        description: z.string().nullable(),
      }),
    ),
  }),
);

const records = z.strictObject({ items: z.array(anyJson) });
const filters = z
  .looseObject({
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
    offset: z.coerce.number().int().min(0).default(0),
    order: z.string().max(1_000).optional().describe("column.asc or column.desc, between commas."),
    select: z.string().max(2_000).optional().describe("Columns, between commas."),
  })
  .describe("Every other parameter is a filter: column=operator.value, as the data API has them.");
const record = z.looseObject({});
const recordsBody = z.union([z.array(record).min(1).max(1_000), record]);

type Call = { readonly params: Params; readonly request: { get(name: string): string | undefined } };

const askingOf = ({ params, request }: Call, portal: Asking["portal"]): Asking => {
  const at = inDatabase(params);
  const id = databaseId(at.tenant, at.project, at.database);
  return { portal, id, authorization: request.get("authorization") };
};

export const tableRoutes = [
  route({
    method: "get",
    path: "/api/v1/databases/{address}/tables",
    operationId: "dataApi.tables",
    scope: "data:read",
    target: inDatabase,
    summary: "Tables and views that the key may use",
    description: "Asked with an API key; the database needs a data API (`api` in its declaration).",
    params: databaseParams,
    replies: { 200: json("Tables", z.strictObject({ items: z.array(table) })) },
  }).handle(async (call, portal) => ({
    status: 200,
    body: { items: tablesOf(await describeData(askingOf(call, portal))) },
  })),

  route({
    method: "post",
    path: "/api/v1/databases/{address}/tables",
    operationId: "dataApi.createTable",
    scope: "databases:write",
    target: inDatabase,
    summary: "Make a table: by a pull request with its migration, on a branch at once",
    description:
      "In the first schema of the data API, with row-level security on: policies and grants, and whatever this cannot say, are a " +
      "migration's. At once takes sql:branch.",
    params: databaseParams,
    body: newTable,
    replies: { 202: json("Nothing has changed yet", change, { Location: "The operation to follow." }) },
  }).handle(async (call, portal) => {
    const { tenant, project, database } = inDatabase(call.params);
    const view = await findView(portal, tenant, project, database);
    const spec = view.instance?.spec ?? view.wanted;
    const sql = tableSql(spec?.api?.schemas[0] ?? "public", call.body);
    const direct = spec?.branch !== undefined;
    const { name: of, autoMerge } = call.body;
    return addMigration(portal, call, view, { name: migrationNameOf(of), sql, autoMerge, direct });
  }),

  route({
    method: "get",
    path: "/api/v1/databases/{address}/tables/{table}/records",
    operationId: "dataApi.records",
    scope: "data:read",
    target: inDatabase,
    summary: "Records of a table",
    params: tableParams,
    query: filters,
    replies: { 200: json("A page of records", records.extend({ nextOffset: z.int().nullable() })) },
  }).handle(async (call, portal) => {
    const { limit, offset } = call.query;
    const path = pathOf(call.params.table, { ...call.query, limit: limit + 1 });
    const found = await askData<unknown[]>(askingOf(call, portal), { method: "GET", path });
    const items = found.slice(0, limit) as z.input<typeof anyJson>[];
    return { status: 200, body: { items, nextOffset: found.length > limit ? offset + limit : null } };
  }),

  route({
    method: "post",
    path: "/api/v1/databases/{address}/tables/{table}/records",
    operationId: "dataApi.insert",
    scope: "data:write",
    target: inDatabase,
    secret: true,
    summary: "Insert one record, or a list of them: all or none",
    params: tableParams,
    body: recordsBody,
    replies: { 201: json("As they are now", records) },
  }).handle(async (call, portal) => {
    const asking = askingOf(call, portal);
    await mustFit(asking, call.params.table, call.body, true);
    const path = pathOf(call.params.table, { columns: columnList([call.body].flat()) || undefined });
    const wanted = { method: "POST", path, body: call.body, prefer: "return=representation, missing=default" } as const;
    return { status: 201, body: { items: await askData<z.input<typeof anyJson>[]>(asking, wanted) } };
  }),

  route({
    method: "patch",
    path: "/api/v1/databases/{address}/tables/{table}/records",
    operationId: "dataApi.update",
    scope: "data:write",
    target: inDatabase,
    secret: true,
    summary: "Change the records that the filters name",
    params: tableParams,
    query: z.looseObject({}),
    body: record,
    replies: { 200: json("As they are now", records) },
  }).handle(async (call, portal) => {
    mustName(call.query);
    const asking = askingOf(call, portal);
    await mustFit(asking, call.params.table, call.body, false);
    const path = pathOf(call.params.table, call.query);
    const items = await askData<z.input<typeof anyJson>[]>(asking, { method: "PATCH", path, body: call.body });
    return { status: 200, body: { items } };
  }),

  route({
    method: "delete",
    path: "/api/v1/databases/{address}/tables/{table}/records",
    operationId: "dataApi.delete",
    scope: "data:write",
    target: inDatabase,
    secret: true,
    summary: "Delete the records that the filters name",
    params: tableParams,
    query: z.looseObject({}),
    replies: { 200: json("As they were", records) },
  }).handle(async (call, portal) => {
    mustName(call.query);
    const path = pathOf(call.params.table, call.query);
    const items = await askData<z.input<typeof anyJson>[]>(askingOf(call, portal), { method: "DELETE", path });
    return { status: 200, body: { items } };
  }),
];

type Query = Readonly<Record<string, unknown>>;

function pathOf(of: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [key, String(one)]),
  );
  const text = new URLSearchParams(pairs).toString();
  return `/${encodeURIComponent(of)}${text === "" ? "" : `?${text}`}`;
}

/** Of all records together: what one of them leaves out is the column's default. */
const columnList = (records: readonly Query[]): string =>
  [...new Set(records.flatMap((one) => Object.keys(one)))]
    .map((one) => `"${one.replaceAll(/["\\]/g, "\\$&")}"`)
    .join(",");

/** Whoever forgets the filter does not change every record. @throws NEB601 */
function mustName(query: Query): void {
  if (Object.keys(query).some((key) => key !== "select")) return;
  throw requestProblems([{ path: "query", message: "names no records: give a filter, such as id=eq.1" }]);
}

/** @throws NEB602 when the key may use no such table, NEB601 with every field that does not fit. */
async function mustFit(asking: Asking, of: string, body: unknown, isWhole: boolean): Promise<void> {
  const { components } = await describeData(asking);
  const schema = Object.hasOwn(components?.schemas ?? {}, of) ? components?.schemas?.[of] : undefined;
  if (schema === undefined) throw notFound("there is nothing by that name here");
  const problems = Array.isArray(body)
    ? body.flatMap((one, i) => recordProblems(schema, one as Query, { isWhole, at: `${i}.` }))
    : recordProblems(schema, body as Query, { isWhole });
  if (problems.length > 0) throw requestProblems(problems);
}

const verbs = { get: "read", post: "insert", patch: "update", delete: "delete" } as const;

function tablesOf({ paths, components }: Description): z.input<typeof table>[] {
  return Object.entries(components?.schemas ?? {}).map(([of, { properties = {}, required = [] }]) => ({
    name: of,
    may: Object.entries(verbs).flatMap(([method, verb]) => (paths[`/${of}`]?.[method] === undefined ? [] : [verb])),
    columns: Object.entries(properties).map(([column, schema]) => ({
      name: column,
      type: typeOf(schema),
      required: required.includes(column),
      description: schema.description ?? null,
    })),
  }));
}

const typeOf = ({ format, type }: ColumnSchema): string => format ?? [type ?? "json"].flat().join(" | ");
