/** From Postgres's answer to HTTP: status, headers, body. */
import { answerTooLarge } from "../errors.ts";
import type { MutatePlan, Plan } from "../plan/types.ts";
import { Refusal } from "../refusal.ts";
import { contentTypeOf } from "../request/media.ts";
import { appliedOf, type Preferences } from "../request/prefer.ts";
import { offsetTooLarge } from "../request/range.ts";
import type { ApiRequest } from "../request/request.ts";
import type { RestFacts, RestResponse, RestSettings } from "../types.ts";
import type { Answer } from "./answer.ts";
import { isHeader } from "./sql-errors.ts";

const nothing = Buffer.alloc(0);

export type Answered = { readonly answer: Answer; readonly estimate?: number };

/** @throws Refusal when the answer may not be given; the transaction has decided the same by `refusalIn`. */
export function respond(request: ApiRequest, plan: Plan, answered: Answered, settings: RestSettings): RestResponse {
  const { answer } = answered;
  const refusal = refusalIn(request, plan, answer, settings);
  if (refusal !== undefined) throw refusal;
  const total = totalOf(request, answered, settings);
  const plain = statusOf(request, plan, answer, total);
  const body = bodyOf(request, plan, answer);
  const hasBody = body.length > 0 || (plain !== 204 && request.isHead);
  const headers: Record<string, string> = {
    ...(hasBody || plan.kind === "read" ? { "content-type": contentTypeOf(request.media) } : {}),
    ...rangeHeader(plan, request, answer, total),
    ...locationHeader(plan, answer),
    ...appliedHeader(request, plan),
    ...(request.saysProfile ? { "content-profile": request.schema } : {}),
    ...ownHeaders(answer.headers),
  };
  return { status: ownStatus(answer.status) ?? plain, headers, body, facts: factsOf(plan, answer) };
}

/** Why an answer may not stand: asked for one row, at most N rows, or too large. */
export function refusalIn(
  { media, prefer }: ApiRequest,
  plan: Plan,
  answer: Answer,
  { maxBytes }: RestSettings,
): Refusal | undefined {
  if (plan.kind === "mutate" && plan.how === "put" && answer.page !== 1)
    return new Refusal(400, "PGRST115", "Payload values do not match URL in primary key column(s)");
  if (limitsAffected(prefer, plan) && answer.page > (prefer.maxAffected ?? 0))
    return new Refusal(400, "PGRST124", "Query result exceeds max-affected preference constraint", {
      details: `The query affects ${answer.page} rows`,
    });
  const wantsOne = media.kind === "object" && showsRows(plan);
  if (wantsOne && answer.page !== 1)
    return new Refusal(406, "PGRST116", "Cannot coerce the result to a single JSON object", {
      details: `The result contains ${answer.page} rows`,
    });
  if (answer.sizeBytes > maxBytes) return tooLarge(answer.sizeBytes, maxBytes);
  return undefined;
}

function tooLarge(sizeBytes: number, maxBytes: number): Refusal {
  const { code, status, title, hint } = answerTooLarge.definition;
  return new Refusal(status, code, title, {
    details: `It has ${sizeBytes} bytes; at most ${maxBytes} are given.`,
    hint,
  });
}

/** Whether the end of the transaction depends on what came out. */
export function mustDecide({ media, prefer }: ApiRequest, plan: Plan, { allowTxEnd }: RestSettings): boolean {
  if (plan.kind === "read" || (plan.kind === "call" && plan.isReadOnly)) return false;
  if (allowTxEnd && prefer.tx === "rollback") return true;
  if (plan.kind === "mutate" && (plan.how === "put" || mayGrow(plan))) return true;
  return plan.kind === "call" || media.kind === "object" || limitsAffected(prefer, plan);
}

/** One row that comes in comes out as one. */
const mayGrow = (plan: MutatePlan) => plan.returns === "representation" && (plan.how !== "insert" || plan.isArray);

const showsRows = (plan: Plan) =>
  plan.kind === "read" ||
  (plan.kind === "mutate" && plan.returns === "representation") ||
  (plan.kind === "call" && plan.routine.isSet);

const limitsAffected = (prefer: Preferences, plan: Plan) =>
  prefer.handling === "strict" &&
  prefer.maxAffected !== undefined &&
  (plan.kind === "mutate"
    ? plan.how === "update" || plan.how === "delete"
    : plan.kind === "call" && plan.routine.isSet);

/** Postgres's estimate stands where more rows than we count were found. */
function totalOf({ prefer }: ApiRequest, { answer, estimate }: Answered, { maxRows }: RestSettings): number | null {
  if (estimate === undefined) return answer.total;
  if (prefer.count === "planned") return estimate;
  const counted = answer.total ?? 0;
  return maxRows !== null && counted > maxRows ? Math.max(counted, estimate) : counted;
}

function statusOf({ range, prefer }: ApiRequest, plan: Plan, { page, inserted }: Answer, total: number | null): number {
  if (plan.kind === "call" && plan.routine.result.kind === "void") return 204;
  if (plan.kind === "mutate") {
    if (plan.how === "insert" || plan.how === "put") {
      if (plan.conflict?.does === "update" && inserted === 0)
        return plan.how === "put" && prefer.return !== "representation" ? 204 : 200;
      return 201;
    }
    return plan.returns === "representation" ? 200 : 204;
  }
  if (total === null) return 200;
  if (range.offset > total && range.offset > 0) throw offsetTooLarge(range.offset, total);
  return page < total ? 206 : 200;
}

function bodyOf({ media, isHead }: ApiRequest, plan: Plan, { body }: Answer): Buffer {
  if (body === null || isHead) return nothing;
  if (media.kind === "binary") return Buffer.from(body, "hex");
  if (plan.kind === "mutate" && plan.returns !== "representation") return nothing;
  return Buffer.from(body);
}

function rangeHeader(
  plan: Plan,
  { range, prefer }: ApiRequest,
  { page, total: counted }: Answer,
  total: number | null,
): Record<string, string> {
  if (plan.kind === "mutate") {
    const of = prefer.count === undefined ? "*" : String(page);
    const rows = plan.how === "update" && page > 0 ? `0-${page - 1}` : "*";
    return { "content-range": `${rows}/${of}` };
  }
  if (plan.kind === "call" && !plan.routine.isSet && counted === null)
    return { "content-range": page === 0 ? "*/*" : "0-0/*" };
  const rows = page === 0 ? "*" : `${range.offset}-${range.offset + page - 1}`;
  return { "content-range": `${rows}/${total ?? "*"}` };
}

function locationHeader(plan: Plan, { keys }: Answer): Record<string, string> {
  if (plan.kind !== "mutate" || plan.how !== "insert" || keys === null) return {};
  const rows = JSON.parse(keys) as (string | null)[][];
  const [only, more] = rows;
  if (only === undefined || more !== undefined) return {};
  const { name, primaryKey } = plan.relation;
  const query = primaryKey.map((column, i) => {
    const value = only[i] ?? null;
    return `${encodeURIComponent(column)}=${value === null ? "is.null" : `eq.${encodeURIComponent(value)}`}`;
  });
  return { location: `/${encodeURIComponent(name)}?${query.join("&")}` };
}

/** What the answer obeyed of `Prefer`. */
function appliedHeader({ prefer }: ApiRequest, plan: Plan): Record<string, string> {
  const obeyed = new Set<keyof Preferences>(["count", "tx", "handling", "timezone"]);
  if (plan.kind === "mutate") obeyed.add("return").add("missing");
  if (plan.kind === "mutate" && plan.how === "insert" && plan.conflict !== undefined) obeyed.add("resolution");
  if (limitsAffected(prefer, plan)) obeyed.add("maxAffected");
  const applied = appliedOf(prefer, obeyed);
  return applied === undefined ? {} : { "preference-applied": applied };
}

/** `set_config('response.headers', '[{"cache-control": "public"}]', true)` in a function of the tenant's. */
function ownHeaders(text: string | null): Record<string, string> {
  if (text === null) return {};
  try {
    const list = JSON.parse(text) as unknown;
    if (!Array.isArray(list)) throw new TypeError("not a list");
    const pairs = list.flatMap((one: unknown) => Object.entries(one as Record<string, unknown>));
    return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), String(value)]).filter(isHeader));
  } catch {
    throw new Refusal(
      500,
      "PGRST111",
      "response.headers guc must be a JSON array composed of objects with a single key and a string value",
    );
  }
}

function ownStatus(text: string | null): number | undefined {
  if (text === null) return undefined;
  const status = Number(text);
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new Refusal(500, "PGRST112", "response.status guc must be a valid status code");
  return status;
}

function factsOf(plan: Plan, { page }: Answer): RestFacts {
  if (plan.kind === "call") {
    const { schema, name } = plan.routine;
    return { relation: `${schema}.${name}`, wrote: plan.isReadOnly ? [] : ["*"], rows: page };
  }
  const relation = `${plan.relation.schema}.${plan.relation.name}`;
  return { relation, wrote: plan.kind === "read" ? [] : [relation], rows: page };
}

export function respondRefusal(refusal: Refusal, isHead: boolean): RestResponse {
  return {
    status: refusal.status,
    headers: { "content-type": "application/json; charset=utf-8", ...refusal.headers },
    body: isHead ? nothing : Buffer.from(JSON.stringify(refusal.body())),
    facts: { wrote: [], rows: 0 },
  };
}
