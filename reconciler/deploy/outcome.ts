import { type NebulaError, type ProblemDocument, toProblem } from "../../platform/core/index.ts";
import type { Ending } from "../../platform/store/index.ts";
import { deployFailed } from "./errors.ts";
import type { JobResult, PulumiOutcome } from "./messages.ts";

/** How an operation ends, from what its job came to. Pure. */
export function endingOf(result: JobResult, operation: string, about: Readonly<Record<string, unknown>>): Ending {
  if (result.kind === "acted") {
    const [fault] = result.faults;
    return fault === undefined
      ? { kind: "completed", outcome: "applied", result: { ...about, ...result.about } }
      : failing(result.faults, operation);
  }
  const { outcome } = result;
  if (outcome.ok) {
    const { resourceChanges, phases } = outcome;
    const details = { ...about, resourceChanges, phases };
    return { kind: "completed", outcome: changed(outcome) ? "applied" : "unchanged", result: details };
  }
  if (outcome.faults.length > 0) return failing(outcome.faults, operation);
  const said = outcome.diagnostics.join("\n").slice(0, 2000) || "the command ended without a word";
  return { kind: "retry", error: toProblem(deployFailed(said), operation) };
}

/** What a job threw: its worker died, the deadline passed. */
export const endingOfError = (error: NebulaError, operation: string): Ending =>
  error.retry
    ? { kind: "retry", error: toProblem(error, operation) }
    : { kind: "failed", outcome: "stalled", error: toProblem(error, operation) };

const changed = ({ resourceChanges }: PulumiOutcome): boolean =>
  Object.entries(resourceChanges).some(([op, count]) => op !== "same" && op !== "read" && count > 0);

/** Trying again helps when it could help for every fault; the first that it cannot help says why it failed. */
function failing(faults: readonly ProblemDocument[], operation: string): Ending {
  const final = faults.find(({ retry }) => retry !== true);
  const [first] = faults;
  const { retry: _, ...error } = final ?? first ?? toProblem(deployFailed("it failed"));
  const document = { ...error, instance: operation } as ProblemDocument;
  return final === undefined
    ? { kind: "retry", error: document }
    : { kind: "failed", outcome: "stalled", error: document };
}
