import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ComputeDriver, JournalLine } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Machine, readMachine } from "./machine.ts";
import type { Stretch } from "./measure.ts";
import type { ObserveInstance } from "./sampler.ts";

/** Looks through a compute driver. Storage is what the whole instance takes on disk, running or not, and what its buckets hold. */
export const observeWith =
  (
    driver: Pick<ComputeDriver, "measure" | "journal">,
    { machine = readMachine, filesOf = async () => 0 }: ObserveOptions = {},
  ): ObserveInstance =>
  async ({ id }) => {
    const measured = await driver.measure(id as DatabaseId);
    if (measured === undefined) return undefined;
    const { running, startedAt, connections, sizeBytes } = measured;
    return {
      startedAtMs: running ? (startedAt?.getTime() ?? null) : null,
      connections,
      storageBytes: sizeBytes + (await filesOf(id as DatabaseId)),
      stretches: stretchesOf(await driver.journal(id as DatabaseId), machine(), Date.now()),
    };
  };

export type ObserveOptions = {
  readonly machine?: () => Machine | undefined;
  /** Bytes in a database's buckets. */
  readonly filesOf?: (id: DatabaseId) => Promise<number>;
};

const roundMs = 1_000;
const sizes = z.record(z.string(), z.int().nonnegative());

/** What the gateway last found of buckets (`<data>/files/sizes.json`): 0 where there are none. Read once for a round of many databases. */
export function readFileSizes(
  dataDir: string,
  nowMs = () => performance.now(),
): NonNullable<ObserveOptions["filesOf"]> {
  let last: { readonly atMs: number; readonly sizes: Promise<z.output<typeof sizes>> } | undefined;
  const read = async () => {
    const text = await readFile(join(dataDir, "files", "sizes.json"), "utf8").catch(() => "{}");
    return sizes.parse(JSON.parse(text));
  };
  return async (id) => {
    if (last === undefined || nowMs() - last.atMs >= roundMs) last = { atMs: nowMs(), sizes: read() };
    return (await last.sizes)[id] ?? 0;
  };
}

/** How long ago each transition was: by the time since the machine's boot, which knows no steps; else by its clock. */
export function stretchesOf(lines: readonly JournalLine[], machine: Machine | undefined, nowMs: number): Stretch[] {
  return lines.map(({ state, at, upMs, boot, units, resized }) => {
    const ago = machine !== undefined && machine.bootId === boot ? machine.uptimeMs - upMs : nowMs - Date.parse(at);
    return { state, agoMs: Math.max(0, ago), units, ...(resized === undefined ? {} : { resized }) };
  });
}
