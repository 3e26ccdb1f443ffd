import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import type { ProblemDocument } from "../../../platform/core/index.ts";
import type { PulumiOutcome, PulumiStep } from "../messages.ts";

export type EventLog = {
  add(event: EngineEvent): void;
  stderr(text: string): void;
  close(end: {
    readonly failed: boolean;
    readonly faults: readonly ProblemDocument[];
    readonly providerMs: number;
    readonly text: string;
  }): PulumiOutcome;
};

/** Folds the engine's events of one run into its outcome. */
export function makeEventLog(now: () => number = () => performance.now()): EventLog {
  const began = now();
  const steps: PulumiStep[] = [];
  const diagnostics: string[] = [];
  let resourceChanges: Record<string, number> | undefined;
  let preludeAt: number | undefined;
  let summaryAt: number | undefined;
  let errorOutput = "";
  return {
    add({ preludeEvent, resourcePreEvent, diagnosticEvent, summaryEvent }) {
      if (preludeEvent !== undefined) preludeAt ??= now();
      if (resourcePreEvent !== undefined && !isQuiet(resourcePreEvent.metadata))
        steps.push(toStep(resourcePreEvent.metadata));
      if (diagnosticEvent?.severity === "error") diagnostics.push(diagnosticEvent.message.trim());
      if (summaryEvent === undefined) return;
      summaryAt = now();
      resourceChanges = { ...summaryEvent.resourceChanges } as Record<string, number>;
    },
    stderr(text) {
      errorOutput = `${errorOutput}${text}`.slice(-4000);
    },
    close({ failed, faults, providerMs, text }) {
      const ended = now();
      const start = preludeAt ?? ended;
      const summed = summaryAt ?? ended;
      return {
        ok: !failed && resourceChanges !== undefined,
        resourceChanges: resourceChanges ?? {},
        steps,
        faults,
        diagnostics: failed && errorOutput !== "" ? [...diagnostics, errorOutput.trim()] : diagnostics,
        phases: {
          startMs: Math.round(start - began),
          engineMs: Math.max(0, Math.round(summed - start - providerMs)),
          providerMs: Math.round(providerMs),
          finishMs: Math.round(ended - summed),
        },
        text,
      };
    },
  };
}

/** Steps that change nothing of a tenant's, and those of the providers themselves. */
const isQuiet = ({ op, type }: StepEventMetadata): boolean =>
  op === "same" || op === "read" || op === "refresh" || type.startsWith("pulumi:");

const toStep = ({ op, type, urn, diffs, detailedDiff }: StepEventMetadata): PulumiStep => ({
  ...{ op, type, urn },
  name: urn.split("::").at(-1) ?? urn,
  diffs: Object.keys(detailedDiff ?? {}).length > 0 ? Object.keys(detailedDiff ?? {}) : (diffs ?? []),
});
