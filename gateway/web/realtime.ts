/** Who may open a stream of changed rows: the same questions in the same order as for a request of the data API. */
import { reportFault } from "../../platform/core/index.ts";
import { admit, prove, readRows } from "./admit.ts";
import type { AnswerDeps, Findings } from "./answer.ts";
import { corsHeaders, preflight } from "./cors.ts";
import type { Served } from "./database.ts";
import { notServed, refuse } from "./refusal.ts";
import type { Route } from "./route.ts";
import { type Feed, type StreamOptions, type StreamWanted, wantedOf } from "./streams.ts";
import type { Answer, Asked } from "./types.ts";

export const realtimePrefix = "/realtime/v1/";

export type Opening =
  | { readonly kind: "answer"; readonly answer: Answer }
  | {
      readonly kind: "open";
      readonly options: Omit<StreamOptions, "onSent">;
      readonly headers: Readonly<Record<string, string>>;
    };

type Asking = {
  readonly asked: Asked;
  readonly route: Route & { kind: "database" };
  readonly open: ReadonlyMap<string, number>;
};

/** At once: of this gateway, and of one database, whose listeners are not to be in the way of the others'. */
const mostStreams = { here: 2_000, ofOne: 500 };

export async function openRealtime(
  deps: AnswerDeps & { readonly feed: Feed },
  { asked, route, open }: Asking,
  findings: Findings,
): Promise<Opening> {
  const answer = (it: Answer): Opening => ({ kind: "answer", answer: it });
  const tooManyGuesses = await deps.guesses.refusal(asked.address);
  if (tooManyGuesses !== undefined) return answer(tooManyGuesses);
  const found = await deps.databases.find(route.named, asked.address);
  if (found.kind !== "serves") return answer(notServed(found));
  const { served } = found;
  findings.served = served;
  const before = preflight(served.api.cors, asked);
  if (before !== undefined) return answer(before);
  const relation = relationOf(asked, served);
  if (relation === undefined || asked.method !== "GET") return answer(nothingToHear());
  const admitted = await admit(deps, asked, served, findings);
  if (admitted.kind === "refused") return answer(admitted.answer);
  const { caller } = admitted;
  const within = await served.limits.asks(caller.subject, relation.name);
  if (within.kind === "refused") return answer(within.answer);
  if (isFull(open, served.id)) return answer(refuse(503, "PGRST001", "Too many streams are open"));
  const wanted = wantedOf(asked);
  if (wanted === undefined) return answer(refuse(400, "PGRST100", "events or Last-Event-ID cannot be read"));
  findings.counts = true;
  const refused = await mayRead({ served, caller, asked, table: relation.table }, wanted);
  if (refused !== undefined) return answer(refused);
  return {
    kind: "open",
    headers: corsHeaders(served.api.cors, asked),
    options: {
      ...{ feed: deps.feed, served, caller, asked, wanted, relation: relation.name, table: relation.table },
      // a declaration that was deployed meanwhile makes another of it
      stillMay: async () => {
        const now = await deps.databases.find(route.named, asked.address);
        return now.kind === "serves" && now.served === served && (await prove(deps, asked, served)).kind === "caller";
      },
      onFault: (thrown) => reportFault(deps.observe, "realtime.stream", thrown, served.id),
    },
  };
}

const isFull = (open: ReadonlyMap<string, number>, id: string): boolean =>
  (open.get(id) ?? 0) >= mostStreams.ofOne || [...open.values()].reduce((sum, one) => sum + one, 0) >= mostStreams.here;

const nothingToHear = (): Answer =>
  refuse(404, "PGRST125", "Nobody can listen to this", {
    hint: 'Declare it: api: { realtime: ["public.orders"] }. The address is /<tenant>/<project>/<database>/realtime/v1/<table>, asked by GET.',
  });

function relationOf({ path, headers }: Asked, { api }: Served) {
  const table = path.slice(realtimePrefix.length);
  const schema = headers["accept-profile"] ?? api.schemas[0] ?? "public";
  let name: string;
  try {
    name = `${schema}.${decodeURIComponent(table)}`;
  } catch {
    return undefined;
  }
  return api.realtime?.includes(name) ? { name, table: `/${table}` } : undefined;
}

/** What the data API refuses it, which a stream would only show as silence: no such column, no right to the table. */
async function mayRead(reading: Parameters<typeof readRows>[0], wanted: StreamWanted): Promise<Answer | undefined> {
  const query = new URLSearchParams(wanted.query);
  query.set("limit", "0");
  const { status, headers, body } = await readRows(reading, query);
  return status < 400 ? undefined : { status, headers, body };
}
