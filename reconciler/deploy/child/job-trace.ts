import { openForwarder, parseTraceparent, type SpanRecord, type Tracer, traced } from "../../../platform/core/index.ts";
import type { ToWorker } from "../messages.ts";

type JobMessage = Extract<ToWorker, { kind: "job" }>;

/** Does jobs in the trace that their message names. Nothing of OpenTelemetry is loaded before the first one that is kept. */
export function makeJobTrace(send: (span: SpanRecord) => void) {
  let opened: Promise<Tracer> | undefined;
  return async <T>({ job, traceparent }: JobMessage, work: () => Promise<T>): Promise<T> => {
    if (parseTraceparent(traceparent)?.sampled !== true) return work();
    opened ??= openForwarder(send);
    const facts = { "nebula.stack": job.stack };
    return traced(await opened, { name: `worker ${job.kind}`, parent: traceparent, facts }, work);
  };
}

export type JobTrace = ReturnType<typeof makeJobTrace>;
