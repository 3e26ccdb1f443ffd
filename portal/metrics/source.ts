import type { Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { getDatabaseSample, getInstance, listReplicas } from "../../platform/store/index.ts";
import { type Sample, sampleWire } from "../../platform/telemetry/index.ts";
import { sourceAway } from "./errors.ts";

/** Where figures come from; undefined: there is no such database, or nobody has ever looked at it. */
export type Source = {
  /** Looks now. @throws when nobody could be asked */
  look(id: DatabaseId): Promise<Sample | undefined>;
  /** What was last seen by anybody. */
  last(id: DatabaseId): Promise<Sample | undefined>;
};

export type SourceParts = {
  readonly sql: Sql;
  readonly word: Secret;
  /** For one reconciler, and for all that are asked one after the other. */
  readonly timeoutMs?: number;
  readonly patienceMs?: number;
  /** Injected in tests. */
  readonly fetch?: typeof fetch;
};

/**
 * Asks the reconcilers of this installation, one after the other, the one that began last first: who was asked and does not know the
 * database says so, and who does not answer is followed by the next. What nobody could look at is in the ledger as it was last seen.
 */
export function makeSource(parts: SourceParts): Source {
  const { sql, word, timeoutMs = 3_000, patienceMs = 5_000, fetch: ask = fetch } = parts;

  const last = async (id: DatabaseId): Promise<Sample | undefined> => {
    const row = await getDatabaseSample(sql, id);
    if (row === undefined) return undefined;
    const { state, atMs, startedAtMs, figures, rates } = row;
    return sampleWire.safeParse({ state, atMs, startedAtMs, values: figures, rates }).data;
  };

  const lookAt = async (address: string, id: string, patience: AbortSignal): Promise<Sample | "unknown"> => {
    const response = await ask(`${address}/databases/${id}/sample`, {
      headers: { authorization: `Bearer ${word.reveal()}` },
      redirect: "error",
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), patience]),
    });
    if (response.status === 404) {
      await response.body?.cancel();
      return "unknown";
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw sourceAway(`${address} answered ${response.status}`);
    }
    return sampleWire.parse(await response.json());
  };

  return {
    last,
    async look(id) {
      const instance = await getInstance(sql, id);
      if (instance === undefined || gone.has(instance.phase)) return undefined;
      const reconcilers = (await listReplicas(sql)).filter(({ kind, alive }) => kind === "reconciler" && alive);
      const patience = AbortSignal.timeout(patienceMs);
      const problems: unknown[] = [];
      let strangers = 0;
      for (const { address } of reconcilers.toReversed()) {
        if (patience.aborted) break;
        if (address === null) continue;
        try {
          const seen = await lookAt(address, id, patience);
          if (seen !== "unknown") return seen;
          strangers += 1;
        } catch (thrown) {
          problems.push(thrown);
        }
      }
      // a database of another placement is no reconciler's: what was last seen of it, if anything, is all there is
      if (strangers > 0 && problems.length === 0 && !patience.aborted) return last(id);
      throw sourceAway(
        reconcilers.length === 0 ? "no reconciler is there to look" : `no reconciler could look at ${id}`,
        { cause: problems[0] },
      );
    },
  };
}

/** Nobody looks at these. */
const gone: ReadonlySet<string> = new Set(["Creating", "Removed", "Expired"]);
