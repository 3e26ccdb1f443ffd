import type { Secret } from "../core/index.ts";
import type { ApiSpec, BucketSpec, DatabaseId } from "../spec/index.ts";
import type { ConnectionLimits } from "./gate.ts";
import type { JournalLine } from "./journal.ts";
import type { StopMode } from "./postmaster.ts";
import type { Deviation } from "./setting-values.ts";
import type { StorageMode } from "./storage.ts";

export type { Deviation, StopMode, StorageMode };

/** What an instance should be. Everything is filled; secrets are redacted wherever this is printed. */
export type InstanceWanted = {
  readonly id: DatabaseId;
  /** Major version of the engine, for example "18". */
  readonly version: string;
  /** The most compute units that it may have: the settings that need a restart follow them (`computeSettings`). */
  readonly units: number;
  /** The fewest that it has while it runs, where the machine can hold it to them. Absent: it always has `units`. */
  readonly minUnits?: number;
  /** Streaming standbys beside it, on the same machine. Absent: none. */
  readonly replicas?: number;
  /** A commit waits until one of them has it on disk. */
  readonly synchronous?: boolean;
  readonly databaseName: string;
  readonly ownerRole: string;
  readonly ownerPassword: Secret;
  readonly roles: readonly InstanceRole[];
  readonly extensions: readonly string[];
  /** CIDR blocks; loopback is always allowed. The gateway keeps to it: a server itself has no address. */
  readonly allowFrom: readonly string[];
  readonly storageBytes: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether its log is kept, for backups; default no. Who takes the parts out of the spool is not this port's. */
  readonly archive?: boolean;
  /** Without activity for so long it may be frozen and stopped; 0: never. */
  readonly suspendAfterSeconds: number;
  readonly limits: ConnectionLimits;
  /** Of a branch, RFC 3339: from then on nobody is let in, whether or not it has been stopped. */
  readonly expiresAt?: string;
  /** How it is served over HTTP; absent: it is not. */
  readonly api?: ApiSpec;
  /** The tenant's secrets that `api.jwt` names, by name. */
  readonly apiSecrets?: ReadonlyMap<string, Secret>;
  /** Files beside it, by name. */
  readonly buckets?: Readonly<Record<string, BucketSpec>>;
  /** Passwords that were replaced just now, by role: the gateway lets them in for the overlap. */
  readonly outgoing?: ReadonlyMap<string, Secret>;
};

export type InstanceRole = {
  readonly name: string;
  readonly login: boolean;
  readonly access: "read" | "write";
  /** Null for a role that does not log in, or whose password stays as it is. */
  readonly password: Secret | null;
};

/**
 * `Ready` answers; `Starting` runs but recovers; `Stopped` should run and does not (it died); `Frozen` has its processes stopped and
 * its memory kept, `Asleep` was stopped because nobody used it: whoever connects wakes both; `Paused` and `Retired` are stopped on
 * purpose and stay so; `Damaged` lacks parts of its folder.
 */
export type InstancePhase = "Ready" | "Starting" | "Stopped" | "Frozen" | "Asleep" | "Paused" | "Retired" | "Damaged";

export type InstanceObserved = {
  readonly id: DatabaseId;
  readonly phase: InstancePhase;
  readonly running: boolean;
  readonly pid: number | null;
  /** What a client of Postgres's on its machine takes as host: the folder of its Unix socket. It listens nowhere else. */
  readonly host: string;
  /** The number in the socket's name. */
  readonly socketPort: number;
  readonly dataDir: string;
  readonly version: string;
  readonly databaseName: string;
  readonly ownerRole: string;
  /** Compute units of the settings it was last given: the most that it may have. */
  readonly units: number;
  readonly storageBytes: number;
  readonly startedAt: Date | null;
  readonly createdAt: Date;
  /** Names the data folder that belongs to it; null where none was ever written. */
  readonly identity: string | null;
  /** That of the folder which an upgrade has put this one in the place of. */
  readonly formerIdentity?: string;
};

/** What can be seen of an instance without asking its server. */
export type InstanceFacts = InstanceObserved & {
  readonly allowFrom: readonly string[];
  readonly extensions: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** Which installation made it; null where no tag was ever written. */
  readonly owner: string | null;
  /** It carries this installation's tag, or none. */
  readonly ours: boolean;
  /** The text that stands in the data folder itself. */
  readonly folderIdentity: string | null;
  /** Settings in its files that nobody of ours wrote. */
  readonly files: readonly Deviation[];
};

export type RoleInside = {
  readonly name: string;
  readonly login: boolean;
  /** Powers and limits that no role of ours has: `superuser`, `connection limit 3`. */
  readonly attributes: readonly string[];
  readonly groups: readonly string[];
  /** Whether the password that was asked about opens it; null when none was asked about. */
  readonly passwordValid: boolean | null;
};

/** What only the running server knows. The tenant's own objects and roles are not looked at. */
export type InstanceInside = {
  readonly owner: string;
  readonly encoding: string;
  readonly locale: string;
  readonly publicMayConnect: boolean;
  readonly groupsFollowOwner: boolean;
  readonly roles: readonly RoleInside[];
  /** Installed extensions with their versions, and the version at the last deployment where it is known. */
  readonly extensions: readonly { readonly name: string; readonly version: string; readonly given: string | null }[];
  /** Settings that the server runs with and was not given. */
  readonly settings: readonly Deviation[];
};

/** Something on the machine that looks like an instance, or like the rest of one. Who it belongs to is for the ledger to say. */
export type Trace = {
  readonly kind: "instance" | "draft" | "copy" | "server";
  /** What it says it is; null when it does not say. */
  readonly id: DatabaseId | null;
  readonly path: string;
  readonly owner: string | null;
  readonly ours: boolean;
  readonly pid: number | null;
};

export type InstanceMeasured = InstanceObserved & {
  /** Client sessions besides our own; 0 when it does not run. */
  readonly connections: number;
  /** The whole folder, write-ahead log included. */
  readonly sizeBytes: number;
  /** The tenant's database alone, as Postgres counts it; null when it does not run. */
  readonly databaseSizeBytes: number | null;
};

/** How an instance came to answer. */
export type Woken = {
  /** `none`: it answered already. */
  readonly kind: "start" | "thaw" | "none";
  /** Waiting for whoever was changing it; until its processes were begun; until it answered. */
  readonly queuedMs: number;
  readonly startMs: number;
  readonly readyMs: number;
  /** The Unix socket on which it accepts sessions. */
  readonly socketPath: string;
};

/** Who uses a server, by its own word. Sessions of our administrator do not count. */
export type Activity = {
  /** Sessions of clients. */
  readonly clients: number;
  /** Those of them that are in a statement or a transaction. */
  readonly busy: number;
  /** Those of them that have had a CPU in one statement for ten seconds. */
  readonly longRunning: number;
  /** Since one of them last began or ended something; null without sessions. */
  readonly idleMs: number | null;
  /** Standbys and other receivers of the log, our base backups among them. */
  readonly replication: number;
  readonly baseBackups: number;
  /** Autovacuum and other work that the server does on its own account. */
  readonly maintenance: number;
};

/** Of one server, since its control group was made. */
export type CpuUse = {
  readonly cpuMs: number;
  /** How often it used up what it may, of how many periods in which it ran. */
  readonly throttled: number;
  readonly periods: number;
};

/** What a server may use and what it does use, without asking it. */
export type Load = CpuUse & {
  readonly minUnits: number;
  readonly maxUnits: number;
  /** Those that it has now, and is billed for. */
  readonly units: number;
  /** Whether this machine can hold a server to its units; where not, `units` is `maxUnits`. */
  readonly enforced: boolean;
  /** Whether it holds this one now. One that was just started is let run free for a moment. */
  readonly held: boolean;
  /** Processes that want a CPU at this moment. */
  readonly runnable: number;
  /** What it cannot give back; null where nobody counts it. */
  readonly memoryBytes: number | null;
};

/** One standby of an instance. */
export type StandbyObserved = {
  /** From 1; a standby that takes its primary's place leaves its number to the one that is made anew. */
  readonly number: number;
  /** `Missing`: its copy is not there yet. */
  readonly phase: "Missing" | "Stopped" | "Starting" | "Ready";
  /** Whether its primary sends it the log at this moment, and it goes the same way. */
  readonly streaming: boolean;
  /** Commits wait for it, or for another one that is synchronous. */
  readonly synchronous: boolean;
  /** What it has not replayed yet of what its primary has written; null when that is not known. */
  readonly lagBytes: number | null;
  readonly lagMs: number | null;
  /** It is one of those that have, together, everything that was answered while commits waited: one of them may take its place. */
  readonly counted: boolean;
  /** How often a standby has taken the primary's place. */
  readonly epoch: number;
  /** Where it accepts sessions that read; null while it does not. */
  readonly socketPath: string | null;
};

export type Ensured = InstanceObserved & {
  readonly created: boolean;
  /** What was changed, in words; empty when everything was as wanted. */
  readonly changed: readonly string[];
  /** Names of the settings for whose sake it was restarted; empty when it was not. */
  readonly restarted: readonly string[];
};

/** How full an instance is, and what it may do for that. */
export type StorageTended = {
  /** What counts against its storage; null where nothing was written since the look before. */
  readonly usedBytes: number | null;
  readonly limitBytes: number;
  readonly mode: StorageMode;
  /** When its server last wrote anything, by the machine's clock. */
  readonly writtenMs: number;
};

export type FinalCopy = {
  readonly id: DatabaseId;
  readonly path: string;
  readonly removedAt: Date;
  readonly version: string;
  readonly databaseName: string;
  /** Of its data folder; null where none was ever written. */
  readonly identity: string | null;
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
  /**
   * Makes it answer, whether it was frozen, asleep or had died, as fast as the placement can.
   * @throws NEB347, NEB356, NEB357 when it is missing, damaged, or meant to be stopped.
   */
  wake(id: DatabaseId): Promise<Woken>;
  /**
   * Keeps it awake for so long, for work of ours that no session shows all the time (a base backup): `freeze` and `sleep` then do
   * nothing. 0 ends that. Wakes nothing.
   */
  hold(id: DatabaseId, seconds: number): Promise<void>;
  /**
   * Stops its processes where they are; memory and sessions stay. Nothing where the placement cannot, or when it does not run.
   * `unless` is asked at the last moment: when it says yes nothing is done.
   */
  freeze(id: DatabaseId, unless?: () => boolean): Promise<InstanceObserved>;
  /** Stops it because nobody uses it: `wake` brings it back, and so does whatever needs its server. */
  sleep(id: DatabaseId, unless?: () => boolean): Promise<InstanceObserved>;
  /** When it was awake and when it rested, as far back as usage may still change; empty where nothing was noted. */
  journal(id: DatabaseId): Promise<readonly JournalLine[]>;
  /** Cheaper than `load`: what it used. Undefined when it does not run, or nothing holds it to its units. */
  used(id: DatabaseId): Promise<CpuUse | undefined>;
  /** What it may use and uses; undefined when it does not answer now. Wakes nothing, and asks the machine, not the server. */
  load(id: DatabaseId): Promise<Load | undefined>;
  /**
   * Gives one that runs other units, between its own bounds, without a restart, and sees that the machine holds it to them. Nothing
   * where it does not run, or the machine cannot. @throws NEB354 when somebody is changing it, NEB730 when the machine refuses.
   */
  resize(id: DatabaseId, units: number): Promise<void>;
  /** Its standbys, as many as are wanted; empty where it has none. Changes nothing. */
  standbys(id: DatabaseId): Promise<readonly StandbyObserved[]>;
  /**
   * One round after its standbys: starts, follows, counts and takes away; what they are then. Empty when it has none, or does not run.
   * Where the placement sees to them itself it only looks. @throws NEB354 when somebody else is at it.
   */
  tendStandbys(id: DatabaseId): Promise<readonly StandbyObserved[]>;
  /** Makes one that is missing. @throws NEB354 when somebody else does, NEB460 when it could not be copied. */
  makeStandby(id: DatabaseId, number: number): Promise<void>;
  /** Ends a server that does not answer, as a crash would: whoever wakes it next gets one that does. */
  depose(id: DatabaseId): Promise<void>;
  /** Whether its server, the primary, answers a question. Wakes nothing; may take as long as the server likes. */
  answers(id: DatabaseId): Promise<boolean>;
  /** Asks the server, and its standbys, who uses it; undefined when it does not answer. Wakes nothing. */
  activity(id: DatabaseId): Promise<Activity | undefined>;
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
  /**
   * Looks how full it is, and does what follows: read-only at its storage, closed where it grows on all the same, writable again when
   * there is room. Wakes nothing. What was not written to since a moment (`writtenMs` of the look before) is not measured.
   */
  tendStorage(id: DatabaseId, unlessWrittenSinceMs?: number): Promise<StorageTended | undefined>;
  /**
   * Marks this moment in the server's write-ahead log, under a name of at most 63 bytes, and answers where it stands there;
   * undefined when no server runs, or the placement keeps no log.
   */
  mark(id: DatabaseId, name: string): Promise<string | undefined>;
  list(): Promise<readonly InstanceObserved[]>;
  /** `observe` with everything that its files tell. Does not ask the server. @throws NEB356 when they cannot be read. */
  facts(id: DatabaseId): Promise<InstanceFacts | undefined>;
  /**
   * A look inside a running server, with the passwords that are to open its roles; undefined when it does not answer. Starts and
   * changes nothing. @throws NEB355 when the administrator is not let in, NEB356 when its database is gone.
   */
  inspect(id: DatabaseId, passwords: ReadonlyMap<string, Secret>): Promise<InstanceInside | undefined>;
  /** Everything on this machine that is an instance or was left by one, whoever it belongs to. */
  traces(): Promise<readonly Trace[]>;
};
