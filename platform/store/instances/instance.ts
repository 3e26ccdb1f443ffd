import type { DatabaseId, DatabaseSpec, Engine, Placement } from "../../spec/index.ts";

/** `Expired`: a branch whose time is over; its declaration is there still, and nothing is made of it. */
export type InstancePhase = "Creating" | "Ready" | "Paused" | "Retired" | "Removed" | "Failed" | "Expired";

/** What a database that should run is doing: whoever connects wakes one that is frozen or asleep. */
export type ComputeState = "awake" | "frozen" | "asleep";

/** `read-only`: it is full. `closed`: it grew on all the same, and nobody writes. */
export type StorageMode = "writable" | "read-only" | "closed";

export type StandbySeen = {
  readonly number: number;
  readonly phase: "Missing" | "Stopped" | "Starting" | "Ready";
  readonly streaming: boolean;
  /** Commits wait for it, or for another one like it. */
  readonly synchronous: boolean;
  readonly lagBytes: number | null;
  readonly lagMs: number | null;
};

/** What the provider made. The truth is the machine; this is the index everybody else reads. */
export type Instance = {
  readonly id: DatabaseId;
  readonly stack: string;
  readonly database: string;
  readonly engine: Engine;
  readonly placement: Placement;
  readonly version: string;
  readonly phase: InstancePhase;
  /** Where the gateway finds it, on its machine. */
  readonly host: string | null;
  readonly dataDir: string | null;
  /** As applied. */
  readonly spec: DatabaseSpec;
  readonly fence: number;
  readonly commit: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly retiredAt: Date | null;
  readonly removedAt: Date | null;
  /** As last looked at; null: its server does not run, or nobody has looked yet. */
  readonly computeState: ComputeState | null;
  /** Those that it has while it is awake; null with the state. */
  readonly computeUnits: number | null;
  /** Whether its machine holds it to them; where not it has its `max` always. */
  readonly computeEnforced: boolean | null;
  /** What counts against its storage, and what it takes for that, as last measured; null: nobody has measured yet. */
  readonly storageUsedBytes: number | null;
  readonly storageMode: StorageMode | null;
  /** Its standbys as last looked at; empty: it has none. */
  readonly standbys: readonly StandbySeen[];
  /** How often one of them has taken its primary's place. */
  readonly failovers: number;
  /** Which data folder it has; null until a deployment or a look notes it. */
  readonly identity: string | null;
  /** The final copy is kept until then. */
  readonly purgeAfter: Date | null;
};

/** When a branch ends; null for what stays. It counts from its creation. */
export const expiryOf = ({ spec, createdAt }: Pick<Instance, "spec" | "createdAt">): Date | null => {
  const ttl = spec.branch?.ttlSeconds ?? null;
  return ttl === null ? null : new Date(createdAt.getTime() + ttl * 1000);
};

export const instanceColumns = `id, stack, database, engine, placement, version, phase, host,
  data_dir as "dataDir", compute_state as "computeState", compute_units as "computeUnits",
  compute_enforced as "computeEnforced", storage_used_bytes as "storageUsedBytes", storage_mode as "storageMode", standbys, failovers,
  identity, spec, fence, commit, created_at as "createdAt", updated_at as "updatedAt",
  retired_at as "retiredAt", removed_at as "removedAt", purge_after as "purgeAfter"`;

/** How full a database is, in steps that somebody is told of. */
export type StorageLevel = "ok" | "nearly full" | "almost full" | "full" | "closed";

export type StorageSeen = Pick<Instance, "storageUsedBytes" | "storageMode">;

export function storageLevel({ storageUsedBytes, storageMode }: StorageSeen, limitBytes: number): StorageLevel {
  if (storageMode === "closed") return "closed";
  if (storageMode === "read-only") return "full";
  const part = (storageUsedBytes ?? 0) / limitBytes;
  return part >= 0.9 ? "almost full" : part >= 0.8 ? "nearly full" : "ok";
}
