import type { ProblemDocument } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";

export type EffectVerb = "create" | "read" | "update" | "delete";

/** A provider call of a `pulumi up` elsewhere, to be run here under that run's fence. */
export type Effect = {
  readonly id: number;
  readonly stack: string;
  readonly fence: number;
  readonly verb: EffectVerb;
  readonly input: unknown;
};

export type EffectEnding =
  | { readonly kind: "done"; readonly output: unknown }
  | { readonly kind: "failed"; readonly error: ProblemDocument };

/**
 * Takes the oldest waiting effect and keeps its row locked until `run` has ended: when this process dies, the row is free again
 * and the next one runs it. Every verb is idempotent. Answers whether there was one.
 */
export const runNextEffect = (sql: Sql, run: (effect: Effect) => Promise<EffectEnding>): Promise<boolean> =>
  sql.tx(async (tx) => {
    const effect = await tx.maybe<Effect>(
      `select id, stack, fence, verb, input from effects where state = 'QUEUED'
       order by id limit 1 for update skip locked`,
    );
    if (effect === undefined) return false;
    const ending = await run(effect);
    const [output, error] = ending.kind === "done" ? [ending.output, null] : [null, ending.error];
    await tx.query(
      `update effects set state = $2, output = $3::jsonb, error = $4::jsonb, ended_at = clock_timestamp() where id = $1`,
      [effect.id, ending.kind === "done" ? "DONE" : "FAILED", toJson(output), toJson(error)],
    );
    return true;
  });

const toJson = (value: unknown) => (value === null || value === undefined ? null : JSON.stringify(value));
