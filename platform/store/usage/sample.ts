import type { DatabaseSpec } from "../../spec/index.ts";

/** A database that is metered: it runs, or is stopped and kept. */
export type MeteredInstance = {
  /** tenant.project.database */
  readonly id: string;
  readonly phase: "Ready" | "Paused" | "Retired";
  readonly spec: DatabaseSpec;
  readonly commit: string | null;
  readonly createdAt: Date;
  readonly dataDir: string | null;
  /** What the object store holds of it, as last seen. Absent: nothing. */
  readonly backupBytes?: number;
};

/**
 * What one slot of metering time holds for one database. The sums are from the start of the slot to `untilMs`; a later
 * writing of the same slot has sums that are no smaller.
 */
export type UsageSample = {
  readonly instance: string;
  /** Milliseconds since the epoch, a multiple of the slot's length. */
  readonly slotMs: number;
  readonly slotSeconds: number;
  readonly untilMs: number;
  readonly awakeMs: number;
  readonly computeUnitMs: number;
  /** Units times the time in which its processes stood still and its memory was kept. */
  readonly frozenUnitMs: number;
  /** Of a database that is no branch; a branch's is `branchByteMs`. */
  readonly storageByteMs: bigint;
  readonly branchByteMs: bigint;
  readonly backupByteMs: bigint;
  readonly connectionMs: number;
  /** Readings at `untilMs`. */
  readonly computeUnits: number;
  readonly storageBytes: number;
  readonly connections: number;
  /** Which server answered at `untilMs`; null when none did. */
  readonly serverStartedAtMs: number | null;
  readonly commit: string | null;
};

type Converted = "slotMs" | "untilMs" | "storageByteMs" | "branchByteMs" | "backupByteMs" | "serverStartedAtMs";

export type UsageSampleRow = Omit<UsageSample, Converted> & {
  readonly serverStartedAt: Date | null;
  readonly slot: Date;
  readonly until: Date;
  readonly storageByteMs: string;
  readonly branchByteMs: string;
  readonly backupByteMs: string;
};

export const sampleColumns = `instance, slot, slot_seconds as "slotSeconds", measured_until as until, awake_ms as "awakeMs",
  compute_unit_ms::float8 as "computeUnitMs", frozen_unit_ms::float8 as "frozenUnitMs", storage_byte_ms::text as "storageByteMs",
  branch_byte_ms::text as "branchByteMs", backup_byte_ms::text as "backupByteMs", connection_ms as "connectionMs",
  compute_units as "computeUnits", storage_bytes as "storageBytes", connections,
  server_started_at as "serverStartedAt", commit`;

export const fromRow = ({
  slot,
  until,
  storageByteMs,
  branchByteMs,
  backupByteMs,
  serverStartedAt,
  ...row
}: UsageSampleRow): UsageSample => ({
  ...row,
  slotMs: slot.getTime(),
  untilMs: until.getTime(),
  storageByteMs: BigInt(storageByteMs),
  branchByteMs: BigInt(branchByteMs),
  backupByteMs: BigInt(backupByteMs),
  serverStartedAtMs: serverStartedAt?.getTime() ?? null,
});
