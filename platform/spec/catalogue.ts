import type { Engine, Placement } from "./types.ts";

/** Versions each engine can be declared with, newest first. Which placement offers which is the fleet's matter. */
export const versions: Readonly<Record<Engine, readonly string[]>> = {
  postgres: ["18", "17", "16", "15"],
  mysql: ["9.1", "8.4", "8.0"],
  mariadb: ["11.8", "11.4", "10.11"],
  mongodb: ["8.0", "7.0", "6.0"],
  redis: ["8.0", "7.4", "7.2"],
  elasticsearch: ["9.1", "8.19", "8.17"],
};

/** What a placement has of them. The local placement runs the one PostgreSQL that set-up found or fetched. */
export const versionsOn = (placement: Placement, engine: Engine): readonly string[] =>
  placement === "local" && engine === "postgres" ? ["18"] : versions[engine];

export type NamedSize = {
  readonly name: string;
  /** 1 unit is 1 vCPU and 2 GiB. */
  readonly units: number;
  /** Storage when the declaration names none. */
  readonly storageBytes: number;
};

const gib = 2 ** 30;
const size = (name: string, units: number, storageGib: number): NamedSize => ({
  name,
  units,
  storageBytes: storageGib * gib,
});

/** Named sizes, by the memory their name stands for elsewhere (2 GiB a unit). */
export const namedSizes: readonly NamedSize[] = [
  size("db.t3.nano", 0.25, 5),
  size("db.t3.micro", 0.5, 10),
  size("db.t3.small", 1, 10),
  size("db.t3.medium", 2, 20),
  size("db.t3.large", 4, 50),
  size("db.t3.xlarge", 8, 100),
  size("db.t3.2xlarge", 16, 200),
  size("db.m5.large", 4, 100),
  size("db.m5.xlarge", 8, 200),
  size("db.m5.2xlarge", 16, 400),
  size("db.m5.4xlarge", 32, 800),
];

export const findSize = (name: string): NamedSize | undefined => namedSizes.find((known) => known.name === name);

/** What a declaration gets when it does not say. */
export const defaults = {
  minUnits: 0.25,
  maxUnits: 0.5,
  suspendAfterSeconds: 300,
  storageBytes: 10 * gib,
  retentionSeconds: 7 * 86_400,
  pitr: true,
  replicas: 0,
  instances: 1,
} as const;

/** Limits on clients where a declaration sets none; `max` follows the compute units. */
export const connectionDefaults = {
  perSecond: 1_000,
  idleSeconds: 0,
  transactionSeconds: 0,
  statementSeconds: 0,
} as const;

/** What a branch gets when it does not say: it is small, sleeps soon, and its backups are its parent's. */
export const branchDefaults = { minUnits: 0.25, maxUnits: 0.5, retentionSeconds: 0 } as const;

export const limits = {
  unitStep: 0.25,
  minUnits: 0.25,
  maxUnits: 64,
  minStorageBytes: gib,
  maxStorageBytes: 16 * 1024 * gib,
  maxSuspendAfterSeconds: 30 * 86_400,
  maxRetentionSeconds: 3_660 * 86_400,
  maxReplicas: 15,
  maxInstances: 9,
  maxRoles: 100,
  maxTags: 50,
  maxAllowFrom: 200,
  maxExtensions: 100,
  maxDatabases: 1_000,
  maxConnections: 10_000,
  maxTimeoutSeconds: 7 * 86_400,
  minTtlSeconds: 60,
  maxTtlSeconds: 365 * 86_400,
} as const;

/** The default plan of seed 002: what a project may use when its plan says nothing else. */
export const defaultQuota = {
  cpuUnits: 10,
  memoryBytes: 20 * gib,
  storageBytes: 100 * gib,
  databases: 10,
} as const;
