import type { Secret } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import type { StopMode } from "./postmaster.ts";

export type { StopMode };

/** What an instance should be. Everything is filled; secrets are redacted wherever this is printed. */
export type InstanceWanted = {
  readonly id: DatabaseId;
  /** Major version of the engine, for example "18". */
  readonly version: string;
  /** On the local placement the TCP port; unique on the machine. */
  readonly port: number;
  /** Compute units; where the machine cannot enforce them, the settings follow them (`computeSettings`). */
  readonly units: number;
  readonly databaseName: string;
  readonly ownerRole: string;
  readonly ownerPassword: Secret;
  readonly roles: readonly InstanceRole[];
  readonly extensions: readonly string[];
  /** CIDR blocks; loopback is always allowed. */
  readonly allowFrom: readonly string[];
  readonly storageBytes: number;
  readonly tags: Readonly<Record<string, string>>;
};

export type InstanceRole = {
  readonly name: string;
  readonly login: boolean;
  readonly access: "read" | "write";
  /** Null for a role that does not log in, or whose password stays as it is. */
  readonly password: Secret | null;
};

/**
 * `Ready` answers; `Starting` runs but recovers; `Stopped` should run and does not (died, or asleep); `Paused` and `Retired` are
 * stopped on purpose and stay so; `Damaged` lacks parts of its folder.
 */
export type InstancePhase = "Ready" | "Starting" | "Stopped" | "Paused" | "Retired" | "Damaged";

export type InstanceObserved = {
  readonly id: DatabaseId;
  readonly phase: InstancePhase;
  readonly running: boolean;
  readonly pid: number | null;
  readonly host: string;
  readonly port: number;
  /** Folder of the Unix socket. */
  readonly socketDir: string;
  readonly dataDir: string;
  readonly version: string;
  readonly databaseName: string;
  readonly ownerRole: string;
  /** Compute units of the settings it was last given. */
  readonly units: number;
  readonly storageBytes: number;
  readonly startedAt: Date | null;
  readonly createdAt: Date;
};

export type InstanceMeasured = InstanceObserved & {
  /** Client sessions besides our own; 0 when it does not run. */
  readonly connections: number;
  /** The whole folder, write-ahead log included. */
  readonly sizeBytes: number;
  /** The tenant's database alone, as Postgres counts it; null when it does not run. */
  readonly databaseSizeBytes: number | null;
};

export type Ensured = InstanceObserved & {
  readonly created: boolean;
  /** What was changed, in words; empty when everything was as wanted. */
  readonly changed: readonly string[];
  /** Names of the settings for whose sake it was restarted; empty when it was not. */
  readonly restarted: readonly string[];
};

export type FinalCopy = {
  readonly id: DatabaseId;
  readonly path: string;
  readonly removedAt: Date;
  readonly version: string;
  readonly databaseName: string;
  readonly sizeBytes: number;
};

/**
 * The port that every placement of a running database implements; one conformance suite in tests/conformance.
 *
 * 1. Every verb is idempotent and may be repeated after a kill at any point: it observes, ensures what is missing, syncs what
 *    differs, and returns what it then sees.
 * 2. Verbs on one instance exclude each other, also between processes.
 * 3. Only `remove` and `purge` make a database go away, and `remove` keeps a final copy.
 */
export type ComputeDriver = {
  /** @throws NEB351 naming the extensions that a new instance could not have here, and those that it could. */
  mustOffer(id: DatabaseId, extensions: readonly string[]): Promise<void>;
  /** Makes the instance what is wanted, running unless it is paused. Brings a retired one back. */
  ensure(wanted: InstanceWanted): Promise<Ensured>;
  /** Starts it when it does not run; for self-healing and wake. @throws NEB357 when it is paused or retired. */
  start(id: DatabaseId): Promise<InstanceObserved>;
  /** Stops it for now: it may be started again by anybody. */
  stop(id: DatabaseId, mode?: StopMode): Promise<InstanceObserved>;
  /** Stops it until `resume`. */
  pause(id: DatabaseId): Promise<InstanceObserved>;
  resume(id: DatabaseId): Promise<InstanceObserved>;
  /** Stops it and keeps everything until `ensure` brings it back or `remove` takes it away. */
  retire(id: DatabaseId): Promise<InstanceObserved>;
  /** Stops it and puts its folder aside as a final copy; undefined when there is neither instance nor copy. */
  remove(id: DatabaseId): Promise<FinalCopy | undefined>;
  /** Deletes final copies for good: all of the id, or those removed before a time. How many. */
  purge(id: DatabaseId, removedBefore?: Date): Promise<number>;
  finalCopies(id?: DatabaseId): Promise<readonly FinalCopy[]>;
  /** What is there; undefined when there is no such instance. Cheap: reads two files. */
  observe(id: DatabaseId): Promise<InstanceObserved | undefined>;
  /** `observe` with sizes and sessions; asks the server. */
  measure(id: DatabaseId): Promise<InstanceMeasured | undefined>;
  list(): Promise<readonly InstanceObserved[]>;
};
