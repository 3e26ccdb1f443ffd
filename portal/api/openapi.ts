import { z } from "zod";
import { roleScopes, roles } from "../../platform/identity/index.ts";
import { type AnyRoute, isChange, type Reply, type Tag, tags } from "./route.ts";
import { components, problem } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** The route table as an OpenAPI 3.1 document. Pure: the same table is the same document. */
export function openApi(table: readonly AnyRoute[], version: string): Json {
  const schemas = new Map<string, Json>();
  const hoist = hoisting(schemas);
  const paths: Record<string, Record<string, Json>> = {};
  for (const entry of table) {
    const item = paths[entry.path] ?? {};
    item[entry.method] = operationOf(entry, hoist);
    paths[entry.path] = item;
  }
  hoist(problem, "output");
  return {
    openapi: "3.1.0",
    info: {
      title: "NebulaDB",
      version,
      description:
        "Databases declared in Git. A write opens a pull request and answers 202 with the operation to follow; nothing " +
        "changes until the pull request is merged.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }, { key: [] }],
    tags: [...new Set(table.map(tagOf))].map((name) => ({ name, description: tags[name] })),
    paths,
    components: {
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "An API key (`ndb_...`), or the access token of a session.",
        },
        key: { type: "apiKey", in: "header", name: "Authorization", description: "An API key: `ApiKey ndb_...`." },
      },
      responses: problemResponses,
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

const problemResponse = (description: string, headers: Json = {}) => ({
  description,
  headers,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});
const retryAfter = { "Retry-After": { description: "Seconds to wait.", schema: { type: "integer" } } };

const problemResponses = {
  Unauthorised: problemResponse("No token, or one that opens nothing."),
  Forbidden: problemResponse("The role does not hold the scope."),
  NotFound: problemResponse("Not there, or not yours to see."),
  Conflict: problemResponse("Not possible in the state it is in."),
  Stale: problemResponse("Changed since it was read."),
  Unfit: problemResponse("Fields are wrong: all of them are named in `errors`."),
  MatchRequired: problemResponse("If-Match is missing."),
  TooMany: problemResponse("The token has made too many requests.", retryAfter),
  Unavailable: problemResponse("The ledger or the Git host does not answer.", retryAfter),
};

const refTo = (name: keyof typeof problemResponses) => ({ $ref: `#/components/responses/${name}` });

function operationOf(entry: AnyRoute, hoist: Hoist): Json {
  return {
    operationId: entry.operationId,
    tags: [tagOf(entry)],
    summary: entry.summary,
    ...(entry.description === undefined ? {} : { description: entry.description }),
    ...(entry.scope === "public" ? { security: [] } : scopeOf(entry.scope)),
    parameters: parametersOf(entry, hoist),
    ...(entry.body === undefined ? {} : { requestBody: bodyOf(entry, entry.body, hoist) }),
    responses: {
      ...problemsOf(entry),
      ...Object.fromEntries(Object.entries(entry.replies).map(([status, reply]) => [status, replyOf(reply, hoist)])),
    },
  };
}

function bodyOf(entry: AnyRoute, body: z.ZodType, hoist: Hoist): Json {
  const schema = hoist(entry.bodyDocument ?? body, "input");
  const media = entry.media ?? ["application/json"];
  return {
    required: !body.safeParse({}).success,
    content: Object.fromEntries(media.map((each) => [each, { schema }])),
  };
}

const scopeOf = (scope: Exclude<AnyRoute["scope"], "public">) => ({
  "x-scope": scope,
  "x-roles": roles.filter((role) => roleScopes[role].has(scope)),
});

function problemsOf(entry: AnyRoute): Json {
  if (entry.scope === "public")
    return { 503: refTo("Unavailable"), "4XX": problemResponse("The request does not fit.") };
  return {
    401: refTo("Unauthorised"),
    403: refTo("Forbidden"),
    404: refTo("NotFound"),
    ...(isChange(entry) ? { 409: refTo("Conflict") } : {}),
    ...(entry.match ? { 412: refTo("Stale"), 428: refTo("MatchRequired") } : {}),
    422: refTo("Unfit"),
    429: refTo("TooMany"),
    503: refTo("Unavailable"),
  };
}

function replyOf({ description, content, headers = {} }: Reply, hoist: Hoist): Json {
  return {
    description,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, says]) => [name, { description: says, schema: { type: "string" } }]),
    ),
    ...(Object.keys(content).length === 0
      ? {}
      : {
          content: Object.fromEntries(
            Object.entries(content).map(([media, schema]) => [
              media,
              { schema: schema === null ? { type: "string" } : hoist(schema, "output") },
            ]),
          ),
        }),
  };
}

function parametersOf(entry: AnyRoute, hoist: Hoist): Json[] {
  return [
    ...fieldsOf(entry.params, hoist).map((field) => ({ in: "path", ...field, required: true })),
    ...fieldsOf(entry.query, hoist).map((field) => ({ in: "query", ...field })),
    ...(isChange(entry) && !entry.secret && entry.scope !== "public" ? [idempotencyKey] : []),
    ...(entry.match ? [ifMatch] : []),
  ];
}

const idempotencyKey = {
  in: "header",
  name: "Idempotency-Key",
  required: false,
  description: "Repeating a request with its key gives the first one's answer, for a day.",
  schema: { type: "string", maxLength: 200 },
};
const ifMatch = {
  in: "header",
  name: "If-Match",
  required: true,
  description: "The ETag of what is changed, or `*`.",
  schema: { type: "string" },
};

function fieldsOf(schema: z.ZodType | undefined, hoist: Hoist) {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = hoist(schema, "input") as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

type Hoist = (schema: z.ZodType, io: "input" | "output") => Json;

/** JSON Schema whose named parts stand once, in `components.schemas`. */
function hoisting(found: Map<string, Json>): Hoist {
  return (schema, io) => {
    const {
      $schema: _,
      $defs = {},
      ...rest
    } = z.toJSONSchema(schema, { metadata: components, io, unrepresentable: "any" });
    for (const [id, definition] of Object.entries($defs)) found.set(id, relink(definition));
    const id = components.get(schema)?.id;
    if (id === undefined) return relink(rest);
    if (rest.$ref === undefined) found.set(id, relink(rest));
    return { $ref: `#/components/schemas/${id}` };
  };
}

function relink(schema: unknown): Json {
  const text = JSON.stringify(schema, (key, value) => (key === "id" && typeof value === "string" ? undefined : value));
  return JSON.parse(text.replaceAll('"$ref":"#/$defs/', '"$ref":"#/components/schemas/')) as Json;
}

const tagOf = (entry: AnyRoute): Tag => entry.operationId.split(".")[0] as Tag;
