import type { Clock } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { countDegraded } from "../../platform/store/index.ts";

/** Whether every repository's Git host lets us work, as the reconcilers found it. */
export type GitHealth = () => "ok" | "degraded";

const freshMs = 5_000;

/** Never waits: the answer is what was known a moment ago, so that a ledger that hangs does not make this process look dead. */
export function makeGitHealth(sql: Sql, clock: Clock): GitHealth {
  let known: "ok" | "degraded" = "ok";
  let askedMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monotonicMs() - askedMs >= freshMs) {
      askedMs = clock.monotonicMs();
      void countDegraded(sql).then(
        (n) => {
          known = n > 0 ? "degraded" : "ok";
        },
        () => undefined,
      );
    }
    return known;
  };
}
