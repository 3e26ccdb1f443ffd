import { Refusal } from "../refusal.ts";
import type { RestRequest, RestSettings } from "../types.ts";
import { type Payload, parseBody } from "./body.ts";
import { acceptOf, type Media } from "./media.ts";
import { type Preferences, parsePrefer } from "./prefer.ts";
import { parseQuery } from "./query-string.ts";
import { type Range, rangeOf } from "./range.ts";
import type { ParsedQuery } from "./types.ts";

export type Target =
  | { readonly kind: "root" }
  | { readonly kind: "relation"; readonly name: string }
  | { readonly kind: "routine"; readonly name: string };

export type Action = "read" | "create" | "update" | "upsert" | "delete" | "call" | "inspect" | "describe";

/** A request whose syntax is right. */
export type ApiRequest = {
  readonly action: Action;
  readonly method: string;
  readonly target: Target;
  readonly schema: string;
  /** The client named the schema, or there are several. */
  readonly saysProfile: boolean;
  readonly query: ParsedQuery;
  readonly prefer: Preferences;
  readonly media: Media;
  readonly range: Range;
  readonly payload?: Payload;
  /** HEAD: everything but the body. */
  readonly isHead: boolean;
  /** Everything of it that decides the SQL, without the values. */
  readonly shape: string;
};

/** @throws Refusal */
export function readRequest(request: RestRequest, settings: RestSettings): ApiRequest {
  const { method, headers } = request;
  const target = targetOf(request.path);
  const action = actionOf(method, target);
  const isRead = method === "GET" || method === "HEAD";
  const profile = headers[isRead ? "accept-profile" : "content-profile"];
  const schema = schemaOf(profile, settings.schemas);
  const prefer = parsePrefer(headers.prefer);
  const media = acceptOf(headers.accept, settings.plans ?? false);
  const query = parseQuery(request.query, { isCall: action === "call", maxRows: settings.maxRows });
  const { limit, offset } = query.level;
  const range = rangeOf(isRead ? headers.range : undefined, valueAt(query, limit), valueAt(query, offset));
  const payload = payloadOf(action, method, request, query);
  const draft = { action, method, target, schema, query, prefer, media, range, isHead: method === "HEAD" };
  return {
    ...draft,
    saysProfile: profile !== undefined || settings.schemas.length > 1,
    ...(payload === undefined ? {} : { payload }),
    shape: shapeOf(draft, payload),
  };
}

const valueAt = ({ values }: ParsedQuery, slot: number | undefined) => (slot === undefined ? undefined : values[slot]);

function targetOf(path: string): Target {
  let parts: string[];
  try {
    parts = path
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
  } catch {
    throw invalidPath();
  }
  const [first, second] = parts;
  if (parts.some((part) => part.includes("\0"))) throw invalidPath();
  if (first === undefined) return { kind: "root" };
  if (first === "rpc" && second !== undefined && parts.length === 2) return { kind: "routine", name: second };
  if (parts.length === 1 && first !== "rpc") return { kind: "relation", name: first };
  throw invalidPath();
}

const invalidPath = () => new Refusal(404, "PGRST125", "Invalid path specified in request URL");

const relationActions: Readonly<Record<string, Action>> = {
  ...{ GET: "read", HEAD: "read", POST: "create", PATCH: "update", PUT: "upsert", DELETE: "delete" },
  OPTIONS: "inspect",
};

function actionOf(method: string, target: Target): Action {
  if (target.kind === "relation") {
    const action = Object.hasOwn(relationActions, method) ? relationActions[method] : undefined;
    if (action !== undefined) return action;
  } else if (method === "OPTIONS") return "inspect";
  else if (target.kind === "root" && (method === "GET" || method === "HEAD")) return "describe";
  else if (target.kind === "routine" && (method === "GET" || method === "HEAD" || method === "POST")) return "call";
  else if (target.kind === "routine")
    throw new Refusal(405, "PGRST101", "Cannot use the ".concat(method.slice(0, 20), " method on RPC"), {
      headers: { allow: "GET,HEAD,POST,OPTIONS" },
    });
  throw new Refusal(405, "PGRST117", `Unsupported HTTP method: ${method.slice(0, 20)}`);
}

function schemaOf(profile: string | undefined, schemas: readonly string[]): string {
  const schema = profile ?? schemas[0] ?? "public";
  if (schemas.includes(schema)) return schema;
  throw new Refusal(406, "PGRST106", `Invalid schema: ${schema.slice(0, 100)}`, {
    hint: `Only the following schemas are exposed: ${schemas.join(", ")}`,
  });
}

function payloadOf(
  action: Action,
  method: string,
  { headers, body }: RestRequest,
  query: ParsedQuery,
): Payload | undefined {
  const brings =
    action === "create" || action === "update" || action === "upsert" || (action === "call" && method === "POST");
  if (!brings) return undefined;
  const options = { hasColumns: query.columns !== undefined, isCall: action === "call" };
  return parseBody(headers["content-type"], body, options);
}

type Draft = Omit<ApiRequest, "shape" | "saysProfile" | "payload">;

function shapeOf(
  { action, method, target, schema, query, prefer, media, range, isHead }: Draft,
  payload: Payload | undefined,
): string {
  const keys =
    payload === undefined
      ? ""
      : payload.kind === "rows"
        ? `${payload.isArray}${Math.min(2, payload.count)}${JSON.stringify(payload.keys)}`
        : `raw ${payload.type}`;
  return [
    ...[
      action,
      isHead ? "HEAD" : method === "GET" ? "GET" : "",
      schema,
      target.kind,
      target.kind === "root" ? "" : target.name,
    ],
    ...[
      query.shape,
      JSON.stringify(media),
      prefer.return ?? "",
      prefer.count ?? "",
      prefer.resolution ?? "",
      prefer.missing ?? "",
    ],
    ...[range.limit === null ? "" : "limit", range.offset === 0 ? "" : "offset", keys],
  ].join("\0");
}
