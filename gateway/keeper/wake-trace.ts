import { type DeployTrace, markWoken, readDeployTrace } from "../../platform/compute/index.ts";
import { asNebulaError, currentTraceparent, recordSpan, type SpanFacts } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { KeeperContext } from "./keeper.ts";
import type { WakePhases } from "./types.ts";

type Parts = Pick<KeeperContext, "dataDir" | "tracer" | "clock" | "report">;
type Traced = { readonly traceparent?: string };

/** Told how the wake came out; nobody waits for anything. */
export type WakeTrace = {
  woke(phases: WakePhases, beganMonotonicMs: number): Promise<Traced>;
  /** @throws what was thrown. */
  failed(thrown: unknown, beganMonotonicMs: number): Promise<never>;
};

const untraced: WakeTrace = {
  woke: async () => ({}),
  failed: async (thrown) => {
    throw thrown;
  },
};

/**
 * Begun with a wake, so that nothing is read after it. The span and those of its phases are made when it is over: a connection that
 * wakes nothing costs nothing. It hangs below whoever asked, when that came with a trace; else, the first time, below the deployment that
 * made the database; else it begins a trace that points at the deployment.
 */
export function beginWakeTrace(parts: Parts, id: DatabaseId): WakeTrace {
  const { dataDir, tracer, clock } = parts;
  if (!tracer.on) return untraced;
  const asker = currentTraceparent();
  const reading = readDeployTrace(dataDir, id).catch(() => undefined);
  const tell = async (beganMonotonicMs: number, facts: SpanFacts, failedBy?: string) => {
    const endedMs = clock.now();
    const beganMs = endedMs - (clock.monotonicMs() - beganMonotonicMs);
    const left = await reading;
    const wish = {
      name: "gateway.wake",
      ...placeOfWake(asker, left),
      facts: { "nebula.database": id, ...facts },
      beganMs,
    };
    return { span: recordSpan(tracer, wish, endedMs, failedBy), beganMs, left };
  };
  return {
    async woke({ kind, queuedMs, startMs, readyMs }, beganMonotonicMs) {
      const { span, beganMs, left } = await tell(beganMonotonicMs, { "nebula.verb": kind });
      let at = beganMs;
      for (const [name, ms] of Object.entries({ queued: queuedMs, start: startMs, ready: readyMs })) {
        recordSpan(tracer, { name: `wake.${name}`, parent: span.traceparent, beganMs: at }, at + ms);
        at += ms;
      }
      if (left?.woken === false) void markWoken(dataDir, id, left).catch((thrown) => parts.report("trace", id, thrown));
      return { traceparent: span.traceparent };
    },
    async failed(thrown, beganMonotonicMs) {
      await tell(beganMonotonicMs, {}, asNebulaError(thrown).code);
      throw thrown;
    },
  };
}

function placeOfWake(asker: string | undefined, left: DeployTrace | undefined) {
  const links = left === undefined ? [] : [left.traceparent];
  if (asker !== undefined) return { parent: asker, links };
  return left?.woken === false ? { parent: left.traceparent } : { parent: null, links };
}
