import type { EngineEvent } from "@pulumi/pulumi/automation/events.js";
import { currentTraceparent, holdSpan, inSpan, recordBelow } from "../../../platform/core/index.ts";
import type { DeployJob, PreviewJob } from "../messages.ts";

/** All that Pulumi does for a job. */
export const inPulumiSpan = <T>({ kind, stack }: DeployJob | PreviewJob, work: () => Promise<T>): Promise<T> =>
  inSpan({ name: `pulumi ${kind === "preview" ? "preview" : "up"}`, facts: { "nebula.stack": stack } }, work);

/** What Pulumi's engine says of its steps, as spans below the one that is current. Its own types and ids are no tenant's values. */
export function makeStepSpans(stack: string, nowMs: () => number = Date.now): { add(event: EngineEvent): void } {
  if (currentTraceparent() === undefined) return { add: () => undefined };
  const beganMs = nowMs();
  const inRun = holdSpan();
  const open = new Map<string, number>();
  let isStarted = false;
  const say = (name: string, from: number, facts: { "nebula.verb"?: string; "nebula.database"?: string } = {}) =>
    inRun(() => recordBelow({ name, beganMs: from, facts }, nowMs()));
  return {
    add({ preludeEvent, resourcePreEvent, resOutputsEvent }) {
      if (preludeEvent !== undefined && !isStarted) {
        isStarted = true;
        say("pulumi.start", beganMs);
      }
      if (resourcePreEvent !== undefined) open.set(resourcePreEvent.metadata.urn, nowMs());
      const ended = resOutputsEvent?.metadata;
      const from = ended === undefined ? undefined : open.get(ended.urn);
      if (ended === undefined || from === undefined || !ended.type.startsWith("nebula:")) return;
      open.delete(ended.urn);
      say("pulumi.step", from, {
        "nebula.verb": ended.op,
        "nebula.database": `${stack}.${ended.urn.split("::").at(-1)}`,
      });
    },
  };
}
