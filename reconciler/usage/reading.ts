import type { ComputeDriver, JournalLine } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Machine, readMachine } from "./machine.ts";
import type { Stretch } from "./measure.ts";
import type { ObserveInstance } from "./sampler.ts";

/** Looks through a compute driver. Storage is what the whole instance takes on disk, running or not. */
export const observeWith =
  (
    driver: Pick<ComputeDriver, "measure" | "journal">,
    machine: () => Machine | undefined = readMachine,
  ): ObserveInstance =>
  async ({ id }) => {
    const measured = await driver.measure(id as DatabaseId);
    if (measured === undefined) return undefined;
    const { running, startedAt, connections, sizeBytes } = measured;
    return {
      startedAtMs: running ? (startedAt?.getTime() ?? null) : null,
      connections,
      storageBytes: sizeBytes,
      stretches: stretchesOf(await driver.journal(id as DatabaseId), machine(), Date.now()),
    };
  };

/** How long ago each transition was: by the time since the machine's boot, which knows no steps; else by its clock. */
export function stretchesOf(lines: readonly JournalLine[], machine: Machine | undefined, nowMs: number): Stretch[] {
  return lines.map(({ state, at, upMs, boot, units, resized }) => {
    const ago = machine !== undefined && machine.bootId === boot ? machine.uptimeMs - upMs : nowMs - Date.parse(at);
    return { state, agoMs: Math.max(0, ago), units, ...(resized === undefined ? {} : { resized }) };
  });
}
