import { LRUCache } from "lru-cache";
import type { Clock, Observe } from "../../platform/core/index.ts";
import type { Step, StepResult } from "../../platform/sql/index.ts";
import { planRequest } from "./plan/plan.ts";
import { type Compiled, compile, type Statement } from "./query/compile.ts";
import type { ParamSource } from "./query/writer.ts";
import { Refusal } from "./refusal.ts";
import { arrayLiteral } from "./request/filter.ts";
import { type ApiRequest, readRequest } from "./request/request.ts";
import { allowOf } from "./response/allow.ts";
import { readAnswer, readEstimate } from "./response/answer.ts";
import { describeSchema } from "./response/describe.ts";
import { respondPlan } from "./response/explain.ts";
import { type Answered, mustDecide, refusalIn, respond, respondRefusal } from "./response/respond.ts";
import { refusalOf } from "./response/sql-errors.ts";
import { makeSchemaCache } from "./schema/cache.ts";
import type { Snapshot } from "./schema/types.ts";
import { runWork, type Work } from "./transaction/run.ts";
import { settingsOf } from "./transaction/settings.ts";
import type { Lend, RestRequest, RestResponse, RestSession, RestSettings } from "./types.ts";

export type DataApiOptions = {
  readonly lend: Lend;
  readonly settings: RestSettings;
  readonly observe: Observe;
  readonly clock: Clock;
};

export type DataApi = {
  /** Never throws for what the client did. @throws NebulaError when the database cannot be reached or its schema cannot be read. */
  handle(request: RestRequest, session: RestSession): Promise<RestResponse>;
  /** OpenAPI 3.1 of what this session may use. */
  openapi(session: RestSession): Promise<object>;
  /** What requests may name; undefined before the first one. */
  schema(): Snapshot | undefined;
  reload(): Promise<void>;
  /** Changes may have been announced while nobody listened. */
  markStale(): void;
  close(): void;
};

/** Shapes of requests whose SQL is kept. */
const mostShapes = 2000;
/** SQLSTATEs that say that the schema is not the one we know. */
const schemaStates: ReadonlySet<string> = new Set(["42P01", "42703", "42883", "42P10", "42704", "3F000"]);
const schemaCodes: ReadonlySet<string> = new Set(["PGRST200", "PGRST202", "PGRST204", "PGRST205", "42703", "42704"]);

export function makeDataApi({ lend, settings, observe, clock }: DataApiOptions): DataApi {
  const cache = makeSchemaCache(
    lend,
    settings,
    ({ relations, version }, durationMs) => {
      compiled.clear();
      const count = [...relations.values()].reduce((sum, named) => sum + named.size, 0);
      observe({ kind: "rest.schema", relations: count, version, durationMs });
    },
    () => clock.monotonicMs(),
  );
  const compiled = new LRUCache<string, Compiled>({ max: mostShapes });
  let numbers = 0;

  const prepare = (request: ApiRequest, snapshot: Snapshot): Compiled => {
    const known = compiled.get(request.shape);
    if (known !== undefined) return known;
    const plan = planRequest(request, snapshot, settings.aggregates);
    const made = compile(plan, request, { settings, name: `nebula_${++numbers}` });
    if (snapshot === cache.peek()) compiled.set(request.shape, made);
    return made;
  };

  const answer = async (
    request: ApiRequest,
    raw: RestRequest,
    session: RestSession,
    snapshot: Snapshot,
  ): Promise<RestResponse> => {
    if (request.action === "inspect") return allowOf(request, snapshot);
    if (request.action === "describe") return describeSchema(request, raw, snapshot, session, lend, settings);
    const made = prepare(request, snapshot);
    const work = workOf(made, request, raw, session, settings);
    const ended = await lend((connection) => runWork(connection, work));
    if (ended.kind === "refused") throw refusalOf(ended.error, session.isAnonymous ?? false);
    if (request.media.kind === "plan") return respondPlan(request, ended.results[0]);
    return respond(request, made.plan, answeredBy(made, ended.results), settings);
  };

  /** Once more with the schema as it is, when there is reason to believe that it changed. */
  const answerFresh = async (request: ApiRequest, raw: RestRequest, session: RestSession): Promise<RestResponse> => {
    const snapshot = await cache.current();
    try {
      return await answer(request, raw, session, snapshot);
    } catch (thrown) {
      if (!(thrown instanceof Refusal) || !(schemaCodes.has(thrown.code) || schemaStates.has(thrown.code)))
        throw thrown;
      const newer = await cache.refreshed(snapshot);
      if (newer === undefined) throw thrown;
      return await answer(request, raw, session, newer);
    }
  };

  return {
    async handle(raw, session) {
      try {
        return await answerFresh(readRequest(raw, settings), raw, session);
      } catch (thrown) {
        if (thrown instanceof Refusal) return respondRefusal(thrown, raw.method === "HEAD");
        throw thrown;
      }
    },
    async openapi(session) {
      const raw: RestRequest = {
        method: "GET",
        path: "/",
        query: "",
        headers: { accept: "application/openapi+json" },
        body: Buffer.alloc(0),
      };
      const { status, body } = await this.handle(raw, session);
      if (status !== 200) throw new TypeError(`no description: ${body.toString()}`);
      return JSON.parse(body.toString()) as object;
    },
    schema: () => cache.peek(),
    reload: async () => void (await cache.reload()),
    markStale: () => cache.markStale(),
    close: () => compiled.clear(),
  };
}

function answeredBy({ estimate }: Compiled, results: readonly StepResult[]): Answered {
  const answer = readAnswer(results[0]);
  return estimate === undefined ? { answer } : { answer, estimate: readEstimate(results[1]) };
}

/** A statement that was used once may never be used again. */
const usesBeforeKept = 2;

function workOf(
  made: Compiled,
  request: ApiRequest,
  raw: RestRequest,
  session: RestSession,
  settings: RestSettings,
): Work {
  const { plan, main, estimate } = made;
  const isKept = ++made.uses > usesBeforeKept && request.media.kind !== "plan";
  const step: Step = {
    text: main.text,
    values: valuesOf(main, request, raw, settings),
    ...(isKept ? { name: made.name } : {}),
  };
  const steps =
    estimate === undefined
      ? [step]
      : [step, { text: estimate.text, values: valuesOf(estimate, request, raw, settings) }];
  const work: Work = {
    settings: settingsOf(
      request,
      raw,
      session,
      settings,
      plan.kind === "read" || (plan.kind === "call" && plan.isReadOnly),
    ),
    steps,
    // what is written may have a trigger that leaves as much as a function does
    isCall: plan.kind !== "read" && !(plan.kind === "call" && plan.isReadOnly),
  };
  if (!mustDecide(request, plan, settings) && !(request.media.kind === "plan" && plan.kind !== "read")) return work;
  const undoes = request.media.kind === "plan" || (settings.allowTxEnd && request.prefer.tx === "rollback");
  const decide = (results: readonly StepResult[]) =>
    undoes || refusalIn(request, plan, readAnswer(results[0]), settings) !== undefined ? "rollback" : "commit";
  return { ...work, decide };
}

function valuesOf({ params }: Statement, request: ApiRequest, raw: RestRequest, { maxRows }: RestSettings): string[] {
  return params.map((source) => valueOfParam(source, request, raw, maxRows));
}

function valueOfParam(
  source: ParamSource,
  { query, range, payload }: ApiRequest,
  raw: RestRequest,
  maxRows: number | null,
): string {
  switch (source.kind) {
    case "slot":
      return query.values[source.slot] ?? "";
    case "slots":
      return arrayLiteral(source.slots.map((slot) => query.values[slot] ?? ""));
    case "limit":
      return String(Math.min(range.limit ?? Number.MAX_SAFE_INTEGER, maxRows ?? Number.MAX_SAFE_INTEGER));
    case "offset":
      return String(range.offset);
    case "body":
      if (payload?.kind === "rows") return payload.json;
      return payload?.type === "bytea" ? `\\x${raw.body.toString("hex")}` : raw.body.toString();
  }
}
