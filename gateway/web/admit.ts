/** The questions that a request and a stream are asked alike, in the order in which a stranger learns and uses up least. */
import type { RestResponse } from "../rest/index.ts";
import type { AnswerDeps, Findings } from "./answer.ts";
import type { Served } from "./database.ts";
import type { Answer, Asked, Caller } from "./types.ts";
import { type Verdict, whoAsks } from "./who.ts";

export type Admitted =
  | { readonly kind: "caller"; readonly caller: Caller; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: "refused"; readonly answer: Answer };

/** How often this address, and who asks; a wrong credential counts against who guesses. */
export async function admit(deps: AnswerDeps, asked: Asked, served: Served, findings: Findings): Promise<Admitted> {
  const came = await served.limits.comes(asked.address);
  if (came.kind === "refused") return came;
  const verdict = await prove(deps, asked, served);
  if (verdict.kind === "refused") {
    if (verdict.wrong) await deps.guesses.wrong(asked.address);
    return verdict;
  }
  findings.caller = verdict.caller;
  return { kind: "caller", caller: verdict.caller, headers: came.headers };
}

/** Who asks, as it is now: no count, no limit. */
export const prove = ({ keys }: Pick<AnswerDeps, "keys">, asked: Asked, served: Served): Promise<Verdict> =>
  whoAsks({ id: served.id, api: served.api, keys, tokens: served.tokens }, asked);

/** Whom the database sees: never a credential. */
export const sessionOf = ({ kind, role, claims }: Caller) => ({ role, claims, isAnonymous: kind === "anonymous" });

type Reading = {
  readonly served: Served;
  readonly caller: Caller;
  readonly asked: Asked;
  /** Below rest/v1. */
  readonly table: string;
};

/** Rows as JSON, as who asks sees them, in the schema that was asked for. */
export function readRows(
  { served, caller, asked, table }: Reading,
  query: URLSearchParams,
): Promise<Pick<RestResponse, "status" | "headers" | "body">> {
  const profile = asked.headers["accept-profile"];
  return served.engine.handle(
    {
      ...{ method: "GET", path: table, query: query.toString(), body: Buffer.alloc(0) },
      headers: { accept: "application/json", ...(profile === undefined ? {} : { "accept-profile": profile }) },
    },
    sessionOf(caller),
  );
}
