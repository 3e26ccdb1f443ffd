/** What compute units mean to the machine (1 unit is 1 vCPU and 2 GiB), and which sizes there are. Pure. */
export const unitStep = 0.25;
const bytesPerUnit = 2 * 1024 ** 3;

export type Size = {
  readonly units: number;
  /** Memory follows the most that it may have: it cannot be taken back from a server that runs, only be waited for. */
  readonly maxUnits: number;
};

/**
 * The quota is at least 100 ms of CPU a period, so that a short statement, or a start, is not held up in its middle: 0.25 units are
 * 100 ms in 400, 1 unit 100 in 100. It is killed for memory by the kernel an eighth and 128 MiB above what was promised: shared memory,
 * page tables and the page cache of a checkpoint are counted as well.
 */
export function limitsOf({ units, maxUnits }: Size): {
  readonly periodUs: number;
  readonly quotaUs: number;
  readonly memoryBytes: number;
} {
  const periodUs = Math.round(Math.min(400_000, Math.max(100_000, 100_000 / units)));
  return {
    periodUs,
    quotaUs: Math.round(periodUs * units),
    memoryBytes: Math.round(maxUnits * bytesPerUnit * 1.125) + 128 * 1024 ** 2,
  };
}

/** The smallest size that is at least so much. */
export const unitsFor = (need: number): number => Math.max(unitStep, Math.ceil(need / unitStep - 1e-9) * unitStep);

/** The units that so much memory takes. */
export const unitsForMemory = (bytes: number): number => unitsFor(bytes / bytesPerUnit);
