/** What the commands read of the API's answers; the whole shapes are in /openapi.json. */
export type Operation = {
  readonly id: string;
  readonly type: string;
  readonly state: "QUEUED" | "IN_PROGRESS" | "COMPLETED" | "FAILED" | "CANCELLED";
  readonly domain: string;
  readonly project: string;
  readonly database: string | null;
  readonly commit: string | null;
  readonly pull: number | null;
  readonly requestedBy: string;
  readonly outcome: string | null;
  readonly error: { readonly code?: string; readonly detail?: string; readonly hint?: string } | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly progress: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
};

export type Migration = {
  readonly file: string;
  readonly state: string;
  readonly checksum: string | null;
  readonly appliedAt: string | null;
  readonly commit: string | null;
  readonly operation: string | null;
  readonly adopted: boolean;
  readonly message: string | null;
  readonly line: number | null;
};

export type OperationEvent = {
  readonly at: string;
  readonly level: string;
  readonly phase: string;
  readonly message: string;
};

export type Change = {
  readonly step: string;
  readonly pull: {
    readonly number: number;
    readonly url: string;
    readonly branch: string;
    readonly headCommit: string;
    readonly title: string;
    readonly autoMerge: boolean;
  } | null;
  readonly operation: Operation;
};

export type Database = {
  readonly id: string;
  readonly domain: string;
  readonly project: string;
  readonly name: string;
  readonly engine: string;
  readonly version: string;
  readonly spec: {
    readonly compute: { readonly minUnits: number; readonly maxUnits: number; readonly suspendAfterSeconds: number };
    readonly storageBytes: number;
    readonly backups: { readonly retentionSeconds: number; readonly pitr: boolean };
  } | null;
  readonly status: string;
  readonly reason: string;
  readonly drift: number;
  readonly phase: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly api: { readonly url: string } | null;
  readonly computeState: "awake" | "frozen" | "asleep" | null;
  readonly retired: boolean;
  readonly compute: {
    readonly units: number | null;
    readonly min: number;
    readonly max: number;
    readonly enforced: boolean | null;
  } | null;
  readonly storage: { readonly percent: number; readonly mode: "writable" | "read-only" | "closed" } | null;
  readonly estimate: { readonly month: { readonly amount: string; readonly currency: string } } | null;
};

export type Backups = {
  readonly recoverableFrom: string | null;
  readonly recoverableTo: string | null;
  readonly verifiedAt: string | null;
  readonly problem: string | null;
  readonly items: readonly {
    readonly label: string;
    readonly kind: string;
    readonly endedAt: string;
    readonly storedBytes: number;
    readonly operation: string | null;
  }[];
};

export type RestorePreview = {
  readonly from: string | null;
  readonly to: string;
  readonly tables: readonly {
    readonly table: string;
    readonly rowsNow: number | null;
    readonly rowsThen: number | null;
  }[];
};

export type Branch = {
  readonly id: string;
  readonly name: string;
  readonly of: string;
  readonly at: string | null;
  readonly status: string;
  readonly reason: string;
  readonly pull: number | null;
  readonly createdAt: string | null;
  readonly expiresAt: string | null;
  readonly declared: boolean;
};

export type DriftFinding = {
  readonly id: number;
  readonly domain: string;
  readonly project: string;
  readonly database: string;
  readonly path: string;
  readonly declared: unknown;
  readonly observed: unknown;
  readonly effect: string;
  readonly openedAt: string;
  readonly seenAt: string;
  readonly closedAt: string | null;
};

export type DatabaseDrift = {
  readonly inSync: boolean;
  readonly lookedAt: string | null;
  readonly inspectedAt: string | null;
  readonly problem: string | null;
  readonly findings: readonly DriftFinding[];
};

export type Orphan = {
  readonly kind: string;
  readonly path: string;
  readonly instance: string | null;
  readonly pid: number | null;
  readonly port: number | null;
  readonly reason: string;
  readonly openedAt: string;
};

export type Credentials = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly url: string;
  readonly endpoints: {
    readonly direct: Endpoint;
    readonly pooled: Endpoint | null;
    readonly readOnly: Endpoint | null;
    readonly rootCertificate: string | null;
  };
};

export type Endpoint = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly url: string;
};

export type Project = {
  readonly domain: string;
  readonly name: string;
  readonly databases: readonly string[];
  readonly status: "Ready" | "Reconciling" | "Stalled";
  readonly message: string;
  readonly problems: readonly { readonly code: string; readonly message: string }[];
};

export type Repository = {
  readonly owner: string;
  readonly name: string;
  readonly defaultBranch: string;
  readonly apiUrl: string;
  readonly credential: "app" | "token";
  readonly hook: { readonly url: string; readonly isSetUp: boolean } | null;
  readonly host: {
    readonly state: "ok" | "degraded";
    readonly code: string | null;
    readonly reason: string | null;
    readonly since: string | null;
  };
  readonly seenCommit: string | null;
  readonly seenAt: string | null;
  readonly stalled: { readonly code: string; readonly reason: string } | null;
};

export type RepositorySetUp = {
  readonly repository: Repository;
  readonly done: readonly string[];
  readonly todo: readonly string[];
  readonly hookSecret: string | null;
};

export type RepositoryInspection = {
  readonly verdict: "ok" | "warn" | "fail";
  readonly findings: readonly {
    readonly check: string;
    readonly state: "ok" | "warn" | "fail" | "skip";
    readonly says: string;
    readonly todo: string;
  }[];
};

export type HeldLease = {
  readonly kind: "singleton" | "stack";
  readonly name: string;
  readonly fence: number;
  readonly until: string;
  readonly operation: string | null;
};

export type Replica = {
  readonly id: string;
  readonly kind: string;
  readonly version: string;
  readonly address: string | null;
  readonly alive: boolean;
  readonly startedAt: string;
  readonly lastSeenAt: string;
  readonly leases: readonly HeldLease[];
};
