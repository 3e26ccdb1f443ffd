import type { Sample } from "../../platform/telemetry/index.ts";

export type Kept = { readonly sample: Sample; readonly ageMs: number };

/**
 * What portals remember for each other: the port behind which Postgres or Redis stands. It only makes answers sooner: who uses it goes
 * on without when it fails.
 */
export type SecondLayer = {
  get(id: string): Promise<Kept | undefined>;
  /** Kept for so long, whatever its age then means. */
  put(id: string, sample: Sample, forMs: number): Promise<void>;
  close(): Promise<void>;
};
