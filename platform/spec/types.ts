import type { ApiSpec } from "./api.ts";
import type { BucketSpec } from "./buckets.ts";
import type { BudgetSpec, ChannelSpec } from "./watch.ts";

/**
 * What crosses the doors: plain, frozen JSON. Never `undefined` inside a spec, never NaN; every default is filled.
 * Equal declarations are equal specs and hash equal (`hash.ts`); where a thing stands in the source is kept beside the spec,
 * never in it, so that moving a line changes nothing.
 */
export const engines = ["postgres", "mysql", "mariadb", "mongodb", "redis", "elasticsearch"] as const;
export type Engine = (typeof engines)[number];

export type DatabaseSpec = {
  readonly engine: Engine;
  readonly name: string;
  /** A version of the catalogue, for example "18". */
  readonly version: string;
  readonly compute: {
    /** Compute units: 1 unit is 1 vCPU and 2 GiB. Multiples of 0.25. */
    readonly minUnits: number;
    readonly maxUnits: number;
    /** 0 means never. */
    readonly suspendAfterSeconds: number;
  };
  readonly storageBytes: number;
  /** Streaming standbys beside the primary. */
  readonly replicas: number;
  /** Members of the cluster, where the placement has them. */
  readonly instances: number;
  readonly backups: { readonly retentionSeconds: number; readonly pitr: boolean };
  /** Sorted by name. */
  readonly extensions: readonly string[];
  /** Sorted by name. The owner role is implied and not listed. */
  readonly roles: readonly RoleSpec[];
  /** CIDR blocks, sorted. Empty means loopback only on the local placement. */
  readonly allowFrom: readonly string[];
  /** Sorted by key when hashed. */
  readonly tags: Readonly<Record<string, string>>;
  /** Name of a secret that holds the owner's password; null means that NebulaDB makes one. */
  readonly passwordSecret: string | null;
  /** Options that only this engine has, validated by its schema. */
  readonly engineOptions: Readonly<Record<string, string | number | boolean>>;
  readonly retire: boolean;
  /*
   * What came after the first release stands in a spec only where a declaration says it: what was deployed before these fields
   * existed is the same spec, with the same hash, and no upgrade changes anything (docs/decisions/0016).
   */
  /** The limits on clients that were declared; `connectionLimits` fills the others. Never empty. */
  readonly connections?: Partial<ConnectionLimits>;
  readonly branch?: BranchSpec;
  /** A commit is answered when one of the replicas has it on its disk too. There only when it is true, and there are replicas. */
  readonly synchronous?: true;
  /** Its files of migrations: `0001_orders` to the SHA-256 of what it says. Never empty. */
  readonly migrations?: Readonly<Record<string, string>>;
  /** How it is served over HTTP; absent: it is not. */
  readonly api?: ApiSpec;
  /** Files beside it, by name. Never empty. */
  readonly buckets?: Readonly<Record<string, BucketSpec>>;
};

/** Limits on a database's clients. */
export type ConnectionLimits = {
  /** Sessions at a time at the direct endpoint. */
  readonly max: number;
  readonly perSecond: number;
  /** 0: none, here and below. */
  readonly idleSeconds: number;
  /** How long an open transaction may wait for its client. */
  readonly transactionSeconds: number;
  readonly statementSeconds: number;
};

/** A database that began as a copy of another one of its project. */
export type BranchSpec = {
  readonly of: string;
  /** The moment whose data it has, RFC 3339 UTC; null: that of its creation. */
  readonly at: string | null;
  /** From its creation; null: it stays. */
  readonly ttlSeconds: number | null;
  /** The pull request that it lives as long as: such a branch is made by the platform and stands in no file. */
  readonly pull?: number;
};

export type RoleSpec = { readonly name: string; readonly login: boolean; readonly access: "read" | "write" };

export const placements = ["local", "kubernetes", "aws"] as const;
export type Placement = (typeof placements)[number];

export type Quota = {
  readonly cpuUnits: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly databases: number;
};

export type ProjectSpec = {
  readonly tenant: string;
  readonly project: string;
  readonly placement: Placement;
  readonly region: string;
  /** What the project asks for itself; it can only be less than what the fleet grants. null means all of it. */
  readonly quota: Quota | null;
  /** Sorted by name. */
  readonly databases: readonly DatabaseSpec[];
  /** Databases of which each pull request has a branch; only where it is declared. Sorted, never empty. */
  readonly previewBranches?: readonly string[];
};

export const memberRoles = ["domain-admin", "project-admin", "developer", "viewer", "billing-viewer"] as const;
export type MemberRole = (typeof memberRoles)[number];

export type TenantSpec = {
  readonly tenant: string;
  readonly displayName: string;
  readonly plan: string;
  /** Sorted by user. `projects` null means all. */
  readonly members: readonly {
    readonly user: string;
    readonly role: MemberRole;
    readonly projects: readonly string[] | null;
  }[];
  /** What a month may cost, by project. Absent: nobody counts. */
  readonly budgets?: readonly BudgetSpec[];
  /** Who is told of what. Absent: nobody. */
  readonly notify?: readonly ChannelSpec[];
};

/** What has a price, in the unit that is priced. */
export const priceNames = [
  "computeUnitHour",
  "storageGibMonth",
  "backupGibMonth",
  "egressGib",
  "apiMillionRequests",
] as const;
export type PriceName = (typeof priceNames)[number];
export type UnitPrices = { readonly [name in `${PriceName}Micros`]: number };

/** A step of a price: from the end of the step before it up to `upTo` units of a tenant in a month. */
export type PriceTier = { readonly upTo: string | null; readonly micros: number };

/** What a tenant pays beside its use, and what it has for nothing. */
export type PlanPrice = {
  /** A month; a part of a month by its days. */
  readonly feeMicros: number;
  /** What a month comes to at least, before credits and tax. */
  readonly minimumMicros: number;
  /** Priced units of a month that cost nothing; decimal text. */
  readonly included: { readonly [name in PriceName]?: string };
};

/** What is particular to one tenant. */
export type TenantPrices = {
  /** Instead of the plan's and the list's. */
  readonly prices?: { readonly [name in PriceName]?: readonly PriceTier[] };
  readonly included?: { readonly [name in PriceName]?: string };
  readonly feeMicros?: number;
  readonly minimumMicros?: number;
  readonly tax?: {
    readonly name: string /** Millionths of the net amount: 19 % is 190,000. */;
    readonly rateMicros: number;
  };
  readonly billTo?: {
    readonly name: string;
    readonly address: readonly string[];
    /** Where invoices are sent; nowhere when absent. */
    readonly email?: string;
    readonly taxId?: string;
  };
};

/** Prices in micro-units of `currency` (1 USD = 1,000,000). What is not declared is absent (decision 0016). */
export type PriceBook = {
  readonly id: string;
  readonly currency: string;
  readonly prices: UnitPrices;
  /** Instead of the one price of `prices`, which is then the first step's. */
  readonly tiers?: { readonly [name in PriceName]?: readonly PriceTier[] };
  /** By name of the plan; when present in the newest version, every plan of the fleet. */
  readonly plans?: Readonly<Record<string, PlanPrice>>;
  readonly tenants?: Readonly<Record<string, TenantPrices>>;
  /** Who bills, as it stands on invoices. Absent: NebulaDB. */
  readonly issuer?: { readonly name: string; readonly address: readonly string[]; readonly taxId?: string };
  /** Days until an invoice is due. Absent: 14. */
  readonly dueDays?: number;
  /** First month in force, and first month no more in force, as YYYY-MM. Absent: since ever, for ever. */
  readonly from?: string;
  readonly until?: string;
  /** Every version, oldest first, where there are several; this book itself is the first of them. Each begins where the one before ends. */
  readonly versions?: readonly Omit<PriceBook, "versions">[];
};

export type Policies = {
  /** Tags that every database must carry. */
  readonly requiredTags: readonly string[];
  readonly allowedExtensions: readonly string[];
  readonly maxUnitsPerDatabase: number;
  readonly minBackupRetentionSeconds: number;
  readonly allowPublicNetwork: boolean;
  /** What becomes of a commit that reached the default branch without a review that passed. */
  readonly unreviewed: "stop" | "deploy";
  /** Between retiring a database and deleting it. */
  readonly retireGraceSeconds: number;
  /** What one commit may delete without an approval: the larger of so many databases and so many of a hundred. */
  readonly prune: { readonly databases: number; readonly percent: number };
  /** What becomes of a machine that is not as declared: brought back by an operation, or only shown. */
  readonly drift: "heal" | "report";
  /** What a data API may be: none at all, or none that serves strangers. Absent: any. */
  readonly dataApi?: "signed-in" | "none";
};

export type Provider = {
  readonly name: string;
  readonly placement: Placement;
  readonly region: string;
  readonly engines: readonly Engine[];
};

export type FleetSpec = {
  /** By plan name. */
  readonly quotas: Readonly<Record<string, Quota>>;
  readonly priceBook: PriceBook;
  readonly policies: Policies;
  readonly providers: readonly Provider[];
};

/** A place in a declaration: repository-relative path, line and column from 1. */
export type SourceLocation = { readonly file: string; readonly line: number; readonly column: number };

/** One thing wrong with a declaration. Always with a place, a code of the NEB1xx range and a hint. */
export type DeclarationProblem = SourceLocation & {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
};

/** `<tenant>.<project>`: the Pulumi stack, the unit of deployment, lease and operation order. */
export type StackName = `${string}.${string}`;
export const stackName = (tenant: string, project: string): StackName => `${tenant}.${project}`;

/** `<tenant>.<project>.<database>`: a database's identity for ever; also its gateway route. */
export type DatabaseId = `${string}.${string}.${string}`;
export const databaseId = (tenant: string, project: string, database: string): DatabaseId =>
  `${tenant}.${project}.${database}`;
