import { currentTraceparent, outsideSpans, recordBelow, type Tracer, traced } from "../../platform/core/index.ts";
import type { Claim } from "../../platform/store/index.ts";

/** Runs an operation in the trace of whoever asked for it; one that nobody traced begins its own. */
export const claimInTrace = (tracer: Tracer, claim: Claim, run: () => Promise<void>): Promise<void> => {
  const { id, type, attempt, database, commit, traceparent } = claim.operation;
  const facts = {
    ...{ "nebula.operation": id, "nebula.operation.type": type, "nebula.attempt": attempt },
    "nebula.stack": claim.stack,
    ...(database === null ? {} : { "nebula.database": `${claim.stack}.${database}` }),
    ...(commit === null ? {} : { "nebula.commit": commit }),
  };
  const nowMs = Date.now();
  return outsideSpans(() =>
    traced(tracer, { name: `operation ${type}`, kind: "consumer", parent: traceparent, facts }, async () => {
      if (currentTraceparent() !== undefined)
        recordBelow({ name: "operation.wait", beganMs: nowMs - claim.waitMs }, nowMs);
      await run();
    }),
  );
};
