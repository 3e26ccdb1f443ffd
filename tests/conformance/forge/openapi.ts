import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import formats from "ajv-formats";

/**
 * GitHub's published description of its REST API (npm `@octokit/openapi`, GitHub Enterprise Server) as a judge of answers.
 *
 * 1. An answer must be one that the operation documents for its status, down to every required field and format.
 * 2. A field that the description does not know is a finding too: an embedded host must not invent.
 * 3. Schemas are compiled when an operation is first judged; the whole description would take minutes.
 */
type Json = { readonly [key: string]: unknown };
type Operation = { readonly operationId: string; readonly responses: Json };

const require = createRequire(import.meta.url);
const read = (name: string) =>
  JSON.parse(readFileSync(require.resolve(`@octokit/openapi/generated/${name}`), "utf8")) as {
    paths: Record<string, Record<string, Operation>>;
    components: Json;
    "x-webhooks"?: Record<string, { post: { requestBody: { content: Record<string, { schema: Json }> } } }>;
  };

export type Finding = { readonly operation: string; readonly status: number; readonly problems: readonly string[] };

export function makeJudge() {
  const document = read("ghes-3.19.json");
  const convert = makeConvert(document);
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
  formats.default(ajv);
  for (const name of ["uri-template", "int64", "int32", "timestamp", "repo.nwo", "ssh"]) ajv.addFormat(name, true);
  ajv.addSchema({ $id: "github", components: convert(document.components) as object });
  const compiled = new Map<string, ValidateFunction | undefined>();
  const validatorFor = (key: string, find: () => unknown): ValidateFunction | undefined => {
    if (!compiled.has(key)) {
      const schema = find();
      compiled.set(key, schema === undefined ? undefined : ajv.compile(convert(schema) as object));
    }
    return compiled.get(key);
  };
  return {
    /** `GET /repos/{owner}/{repo}` whatever the parameters are called; undefined when GitHub has no such operation. */
    findOperation: (method: string, template: string) => findOperation(document.paths, method, template),
    /** What is wrong with an answer; nothing when it is as documented. */
    judge(method: string, template: string, status: number, body: unknown): readonly string[] {
      const operation = findOperation(document.paths, method, template);
      if (operation === undefined) return [`GitHub has no ${method} ${template}`];
      const key = `${operation.operationId} ${status}`;
      const response = resolve(document, operation.responses[String(status)]);
      if (response === undefined) return undocumented(status, body);
      const content = response.content as Record<string, { schema: unknown }> | undefined;
      const schema = content?.["application/json"]?.schema;
      if (schema === undefined) return isEmpty(body) || status >= 300 ? [] : [`${key}: no body is documented`];
      return problemsOf(
        validatorFor(key, () => schema),
        status >= 400 ? withoutStatus(body) : body,
      );
    },
    /** The template of a request that was made with a whole address, as Octokit's pagination does. */
    templateOf(method: string, path: string): string | undefined {
      const fits = Object.keys(document.paths).filter(
        (template) =>
          document.paths[template]?.[method.toLowerCase()] !== undefined &&
          new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`).test(path),
      );
      return fits.sort((a, b) => a.split("{").length - b.split("{").length)[0];
    },
    /** The same for the payload of an event, for example `pull-request-opened`. */
    judgeEvent(name: string, payload: unknown): readonly string[] {
      const webhook = document["x-webhooks"]?.[name];
      if (webhook === undefined) return [`GitHub has no event ${name}`];
      const schema = webhook.post.requestBody.content["application/json"]?.schema;
      return problemsOf(
        validatorFor(`event ${name}`, () => schema),
        payload,
      );
    },
  };
}
export type Judge = ReturnType<typeof makeJudge>;

/** Statuses that GitHub gives everywhere, though it documents them for some operations only. */
function undocumented(status: number, body: unknown): readonly string[] {
  const everywhere = new Set([304, 400, 401, 403, 404, 409, 422]);
  if (!everywhere.has(status)) return [`status ${status} is not documented`];
  const { message, documentation_url } = (body ?? {}) as { message?: unknown; documentation_url?: unknown };
  const isError = typeof message === "string" && typeof documentation_url === "string";
  return status === 304 || isError ? [] : ["an error has message and documentation_url"];
}

function problemsOf(validate: ValidateFunction | undefined, body: unknown): readonly string[] {
  if (validate === undefined || validate(body)) return [];
  return [...new Set((validate.errors ?? []).map((error) => describe(error, body)))];
}

function describe({ instancePath, message, params, keyword }: ErrorObject, body: unknown): string {
  const value = instancePath
    .split("/")
    .slice(1)
    .reduce<unknown>((at, key) => (at as Json | undefined)?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], body);
  const shown = keyword === "required" || typeof value === "object" ? "" : ` (${JSON.stringify(value)})`;
  return `${instancePath || "/"} ${message}${shown} ${keyword === "additionalProperties" ? JSON.stringify(params) : ""}`.trim();
}

/** Every error of GitHub's repeats its status; only some of the schemas say so. */
function withoutStatus(body: unknown): unknown {
  if (!isRecord(body) || typeof body.status !== "string") return body;
  const { status: _, ...rest } = body;
  return rest;
}

const isEmpty = (body: unknown) =>
  body === undefined || body === "" || (typeof body === "object" && body !== null && Object.keys(body).length === 0);

const shapeOf = (template: string) => template.replaceAll(/\{[^}]+\}/g, "{}");

function findOperation(
  paths: Record<string, Record<string, Operation>>,
  method: string,
  template: string,
): Operation | undefined {
  const path =
    paths[template] === undefined ? Object.keys(paths).find((one) => shapeOf(one) === shapeOf(template)) : template;
  return path === undefined ? undefined : paths[path]?.[method.toLowerCase()];
}

function resolve(document: unknown, node: unknown): Json | undefined {
  const reference = (node as { $ref?: string } | undefined)?.$ref;
  if (reference === undefined) return node as Json | undefined;
  const keys = reference.slice(2).split("/");
  return keys.reduce((at: unknown, key) => (at as Json)[key.replaceAll("~1", "/")], document) as Json;
}

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The description's schemas as JSON Schema: `nullable`, objects closed where their fields are listed, and its slips mended:
 * what it calls "one of" overlaps; an address that is empty by default may be empty; "all of" a user and an enterprise means
 * either, as nobody is both.
 */
function makeConvert(document: unknown) {
  return function convert(node: unknown): unknown {
    if (Array.isArray(node)) return node.map((one) => convert(one));
    if (!isRecord(node)) return node;
    const { nullable, $ref, example: _, examples: __, allOf, oneOf, ...rest } = node;
    if ($ref !== undefined) return { $ref: String($ref).replace("#/", "github#/") };
    const parts = Array.isArray(allOf) ? allOf.map((part) => resolve(document, part)) : [];
    const isEither = parts.length > 1 && parts.some((part) => part?.title === "Enterprise");
    const open: Record<string, unknown> = isEither ? { ...rest, anyOf: parts } : merged(rest, parts);
    if (oneOf !== undefined) open.anyOf = oneOf;
    if (open.format === "uri" && open.default === "") delete open.format;
    const out = Object.fromEntries(Object.entries(open).map(([key, value]) => [key, convert(value)]));
    const lists = isRecord(open.properties) && open.type === "object";
    if (lists && open.additionalProperties === undefined) out.additionalProperties = false;
    return nullable === true ? orNull(out) : out;
  };
}

/** One object of all the parts' fields, so that it can be closed. */
function merged(rest: Json, parts: readonly (Json | undefined)[]): Record<string, unknown> {
  const properties = Object.assign({}, rest.properties, ...parts.map((part) => part?.properties));
  const required = [rest, ...parts].flatMap((part) => (Array.isArray(part?.required) ? part.required : []));
  if (parts.length === 0) return { ...rest };
  return { ...rest, type: "object", properties, ...(required.length === 0 ? {} : { required }) };
}

function orNull(schema: Record<string, unknown>): unknown {
  if (typeof schema.type !== "string") return { anyOf: [schema, { type: "null" }] };
  const { type, ...others } = schema;
  const withEnum = Array.isArray(others.enum) ? { enum: [...others.enum, null] } : {};
  return { ...others, ...withEnum, type: [type, "null"] };
}
