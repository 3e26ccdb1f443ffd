import type { ComputeDriver } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { ObserveInstance } from "./sampler.ts";

/** Looks through a compute driver. Storage is what the whole instance takes on disk, running or not. */
export const observeWith =
  (driver: Pick<ComputeDriver, "measure">): ObserveInstance =>
  async ({ id }) => {
    const measured = await driver.measure(id as DatabaseId);
    if (measured === undefined) return undefined;
    const { running, startedAt, connections, sizeBytes } = measured;
    return { startedAtMs: running ? (startedAt?.getTime() ?? null) : null, connections, storageBytes: sizeBytes };
  };
