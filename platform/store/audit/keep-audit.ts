import { type Clock, type Observe, reportFault, systemClock } from "../../core/index.ts";
import type { Audit } from "./audit.ts";

export type KeepAuditOptions = {
  readonly audit: Audit;
  readonly observe: Observe;
  readonly retentionDays: number;
  readonly clock?: Clock;
  readonly everyMs?: number;
};

/**
 * What somebody must do for the audit once an hour, in one process: anchor the chain, close finished months, let go of what is past
 * its retention. Until `signal` aborts.
 */
export async function keepAudit(options: KeepAuditOptions, signal: AbortSignal): Promise<void> {
  const { audit, observe, retentionDays, clock = systemClock, everyMs = 3_600_000 } = options;
  const attempt = async (where: string, body: () => Promise<unknown>): Promise<void> => {
    await body().catch((thrown) => reportFault(observe, where, thrown));
  };
  while (!signal.aborted) {
    await attempt("audit.adopt", () => audit.adopt());
    await attempt("audit.anchor", () => audit.anchor(observe));
    await attempt("audit.retain", async () => {
      const lines = await audit.retain(retentionDays);
      if (lines > 0) observe({ kind: "audit.pruned", lines });
    });
    await clock.sleep(everyMs, signal);
  }
}
