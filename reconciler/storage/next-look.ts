/** Faster than this a server of ours has not been seen to write. */
const bytesPerMs = 300 * 1024;
const [soonestMs, latestMs] = [2_000, 60_000];

/** After so long a database may be full at the earliest: then it is looked at again. Pure. */
export const nextLookMs = (usedBytes: number, limitBytes: number): number =>
  Math.min(latestMs, Math.max(soonestMs, (limitBytes - usedBytes) / bytesPerMs));
