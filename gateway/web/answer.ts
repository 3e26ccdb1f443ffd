/**
 * One request, from its route to its answer, in the order in which a stranger learns and uses up least: which database, how often this
 * address, who asks, how often, its body, what is kept, and only then the database.
 */
import { asNebulaError, type Clock, type NebulaError, type Observe } from "../../platform/core/index.ts";
import { outward } from "../keeper/index.ts";
import type { RestResponse } from "../rest/index.ts";
import { admit, sessionOf } from "./admit.ts";
import type { Body } from "./body.ts";
import { packed, tagged, unlessKnown } from "./conditional.ts";
import { corsHeaders, preflight } from "./cors.ts";
import type { Served } from "./database.ts";
import type { Docs } from "./docs.ts";
import type { KeptAnswers } from "./kept-answers.ts";
import type { Keys } from "./keys.ts";
import type { Guesses } from "./limits.ts";
import { noConnection, nothingHere, notServed, onlyReads, refuse, unavailable } from "./refusal.ts";
import { endpointOf, type Route } from "./route.ts";
import type { ServedDatabases } from "./served.ts";
import type { Answer, Asked, Caller } from "./types.ts";

export type AnswerDeps = {
  readonly databases: ServedDatabases;
  readonly keys: Keys;
  readonly guesses: Guesses;
  readonly kept: KeptAnswers;
  readonly docs: Docs;
  readonly clock: Clock;
  readonly observe: Observe;
};

/** What was found out on the way, for log and meter. */
export type Findings = {
  served?: Served;
  caller?: Caller;
  /** It was let in: it is billed. */
  counts: boolean;
  cached: boolean;
  readonly stages: { name: string; ms: number }[];
};

type Asking = {
  readonly asked: Asked;
  readonly route: Route & { kind: "database" };
  readonly body: (most: number) => Promise<Body>;
};

const prefix = "/rest/v1";
const reads: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export async function answerTo(deps: AnswerDeps, asking: Asking, findings: Findings): Promise<Answer> {
  const { asked, route } = asking;
  const timed = stopwatch(findings);
  const refused = await deps.guesses.refusal(asked.address);
  if (refused !== undefined) return refused;
  const page = deps.docs(asked);
  if (page !== undefined) return page;
  const found = await deps.databases.find(route.named, asked.address);
  timed("route");
  if (found.kind !== "serves") return notServed(found);
  const { served } = found;
  findings.served = served;
  const before = preflight(served.api.cors, asked);
  if (before !== undefined) return before;
  served.working += 1;
  try {
    const answer = await answerOf(deps, asking, served, findings, timed);
    return { ...answer, headers: { ...answer.headers, ...merged(answer, corsHeaders(served.api.cors, asked)) } };
  } finally {
    served.working -= 1;
  }
}

/** `Vary` says all of it. */
const merged = ({ headers }: Answer, more: Readonly<Record<string, string>>) =>
  headers.vary === undefined || more.vary === undefined ? more : { ...more, vary: `${headers.vary}, ${more.vary}` };

async function answerOf(
  deps: AnswerDeps,
  { asked, body }: Asking,
  served: Served,
  findings: Findings,
  timed: (name: string) => void,
): Promise<Answer> {
  const { path } = asked;
  if (path !== prefix && !path.startsWith(`${prefix}/`)) return nothingHere();
  const admitted = await admit(deps, asked, served, findings);
  timed("authenticate");
  if (admitted.kind === "refused") return admitted.answer;
  const { caller } = admitted;
  if (!caller.mayWrite && !reads.has(asked.method)) return onlyReads();
  const below = path.slice(prefix.length);
  const endpoint = endpointOf(below, profileOf(asked), served.api.schemas);
  const within = await served.limits.asks(caller.subject, endpoint);
  if (within.kind === "refused") return within.answer;
  const sent = await body(served.api.maxBodyBytes);
  timed("body");
  if (sent.kind === "refused") return sent.answer;
  findings.counts = true;
  const limits = { ...admitted.headers, ...within.headers };
  const answer = await fromDatabase(deps, { asked, below, body: sent.bytes, endpoint, caller, served, findings });
  timed("database");
  const finished = await finish(answer, asked);
  timed("finish");
  return { ...finished, headers: { ...finished.headers, ...limits } };
}

const profileOf = ({ method, headers }: Asked) =>
  headers[method === "GET" || method === "HEAD" ? "accept-profile" : "content-profile"];

async function finish(answer: Answer, asked: Asked): Promise<Answer> {
  const isRead = asked.method === "GET" || asked.method === "HEAD";
  if (!isRead || (answer.status !== 200 && answer.status !== 206)) return packed(answer, asked);
  const known = unlessKnown(tagged(answer), asked.headers["if-none-match"]);
  return known.status === 304 ? known : packed(known, asked);
}

type Work = {
  readonly asked: Asked;
  readonly below: string;
  readonly body: Buffer;
  readonly endpoint: string | undefined;
  readonly caller: Caller;
  readonly served: Served;
  readonly findings: Findings;
};

async function fromDatabase({ kept }: AnswerDeps, work: Work): Promise<Answer> {
  const { asked, below, body, endpoint, caller, served, findings } = work;
  const isRead = asked.method === "GET" || asked.method === "HEAD";
  const seconds = isRead && endpoint !== undefined ? served.api.cache[endpoint] : undefined;
  const key =
    seconds === undefined || endpoint === undefined ? undefined : kept.keyOf(served.id, endpoint, asked, caller);
  const found = key === undefined ? undefined : kept.get(key);
  if (found !== undefined) {
    findings.cached = true;
    return found;
  }
  const response = await ask(work, below, body).catch((thrown: unknown) => {
    if (!isRead) kept.wrote(served.id, ["*"]);
    throw thrown;
  });
  kept.wrote(served.id, response.facts.wrote);
  const answer: Answer = { status: response.status, headers: response.headers, body: response.body };
  const mayKeep = key !== undefined && response.facts.wrote.length === 0 && response.facts.relation === endpoint;
  if (mayKeep && seconds !== undefined && (answer.status === 200 || answer.status === 206))
    kept.put(key, tagged(answer), seconds);
  return answer;
}

/** Credentials end here: the database sees the claims. */
function ask({ asked, caller, served }: Work, path: string, body: Buffer): Promise<RestResponse> {
  const { authorization: _token, apikey: _key, ...headers } = asked.headers;
  return served.engine.handle({ method: asked.method, path, query: asked.query, headers, body }, sessionOf(caller));
}

/**
 * What went wrong in here, in words that a client of PostgREST reads; `details` is our code, for the portal. What the fault itself says
 * may name a socket or a folder and is for the log. `fault`: a human should look at it.
 */
export function answerOfFault(thrown: unknown): { readonly answer: Answer; readonly fault: NebulaError | undefined } {
  const error = asNebulaError(thrown);
  const { code, hint } = error;
  switch (code) {
    case "NEB916":
      return { answer: noConnection(), fault: undefined };
    case "NEB347":
    case "NEB357":
      return {
        answer: unavailable("The database is stopped", { hint, details: code, retrySeconds: 30 }),
        fault: undefined,
      };
    default:
  }
  if (error.retry || error.status === 503)
    return { answer: unavailable(outward(error).message, { hint: `${hint} (${code})`, details: code }), fault: error };
  return { answer: refuse(500, code, "Internal error", { hint }), fault: error };
}

/** Notes how long each stage took. */
function stopwatch({ stages }: Findings): (name: string) => void {
  let lastMs = performance.now();
  return (name) => {
    const nowMs = performance.now();
    stages.push({ name, ms: nowMs - lastMs });
    lastMs = nowMs;
  };
}
