import { type Clock, type NebulaError, systemClock } from "../core/index.ts";
import { type DatabaseId, stackName } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { ciHeartbeat, type EffectVerb, requestEffect, seeEffect } from "../store/index.ts";
import type { DatabaseInputs, DatabaseOutputs, DatabaseRead, Effects } from "./effects.ts";
import { effectRefused, effectUnanswered } from "./errors.ts";

export type QueuedOptions = {
  /** As ci_<tenant>. */
  readonly sql: Sql;
  readonly clock?: Clock;
  /** How long nobody may answer. */
  readonly timeoutMs?: number;
};

/** Effects asked of the installation by a `pulumi up` elsewhere: queued in the ledger under the lease of its lock, and waited for. */
export function makeQueuedEffects({ sql, clock = systemClock, timeoutMs = 300_000 }: QueuedOptions): Effects {
  const ask = async <T>(stack: string, verb: EffectVerb, input: unknown): Promise<T> => {
    const id = await requestEffect(sql, stack, verb, input);
    const deadline = clock.monotonicMs() + timeoutMs;
    let beaten = clock.monotonicMs();
    for (let waitMs = 20; clock.monotonicMs() < deadline; waitMs = Math.min(waitMs * 1.5, 250)) {
      const seen = await seeEffect(sql, id);
      if (seen?.state === "DONE") return seen.output as T;
      if (seen?.state === "FAILED") throw toError(seen.error);
      if (clock.monotonicMs() - beaten > 10_000) {
        await ciHeartbeat(sql, stack);
        beaten = clock.monotonicMs();
      }
      await clock.sleep(waitMs);
    }
    throw effectUnanswered(`no reconciler did "${verb}" for ${stack} within ${timeoutMs / 1000} s`);
  };
  return {
    // The reconciler that runs the effect asks its machine then.
    admit: async () => undefined,
    ensure: (inputs: DatabaseInputs, verb) =>
      ask<DatabaseOutputs>(stackName(inputs.tenant, inputs.project), verb, { inputs }),
    read: async (id: DatabaseId) => (await ask<DatabaseRead | null>(stackOf(id), "read", { id })) ?? undefined,
    remove: (id: DatabaseId) => ask<void>(stackOf(id), "delete", { id }),
  };
}

const stackOf = (id: DatabaseId) => id.split(".").slice(0, 2).join(".");

function toError(document: { code?: string; detail?: string; hint?: string } | null): NebulaError {
  const { code = "", detail = "it failed", hint } = document ?? {};
  return effectRefused(`${code} ${detail}`.trim(), hint === undefined ? {} : { hint });
}
