import type { ProblemDocument } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import type { EffectVerb } from "./effects.ts";

/** The other side of the queue: what a ci_ role may call. It sees no table of the ledger, only these functions. */
export type EffectSeen = {
  readonly state: "QUEUED" | "DONE" | "FAILED";
  readonly output: unknown;
  readonly error: ProblemDocument | null;
};

/** Queues an effect for a stack whose lease this run holds; its number. */
export async function requestEffect(sql: Sql, stack: string, verb: EffectVerb, input: unknown): Promise<number> {
  const { id } = await sql.one<{ id: number }>("select ci.request_effect($1, $2, $3::jsonb) as id", [
    stack,
    verb,
    JSON.stringify(input),
  ]);
  return id;
}

export const seeEffect = (sql: Sql, id: number): Promise<EffectSeen | undefined> =>
  sql.maybe<EffectSeen>("select state, output, error from ci.effect($1)", [id]);

/** Extends the lease of the run; false when it does not hold it. */
export async function ciHeartbeat(sql: Sql, stack: string): Promise<boolean> {
  const { held } = await sql.one<{ held: boolean }>("select ci.heartbeat($1) as held", [stack]);
  return held;
}
