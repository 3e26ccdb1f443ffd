/*
 * The options of every engine, as types with the explanations that an editor shows. What each allows at run time, and its
 * default, is decided when a declaration is evaluated; the two are held together by tests.
 */

/** A number and s, m, h or d: `"30s"`, `"5m"`, `"12h"`, `"30d"`. */
export type Duration = `${number}${"s" | "m" | "h" | "d"}`;

/** A number and Mi, Gi or Ti (powers of 1024): `"512Mi"`, `"10Gi"`, `"1Ti"`. */
export type Size = `${number}${"Mi" | "Gi" | "Ti"}`;

/** An address block whose host bits are zero: `"10.0.0.0/8"`, `"203.0.113.7/32"`, `"2001:db8::/32"`. */
export type Cidr = `${string}/${number}`;

/** A fixed size by the name it has elsewhere. db.t3.small is 1 compute unit (1 vCPU, 2 GiB), db.t3.medium 2 and so on. */
export type SizeName =
  | "db.t3.nano"
  | "db.t3.micro"
  | "db.t3.small"
  | "db.t3.medium"
  | "db.t3.large"
  | "db.t3.xlarge"
  | "db.t3.2xlarge"
  | "db.m5.large"
  | "db.m5.xlarge"
  | "db.m5.2xlarge"
  | "db.m5.4xlarge";

/** Compute in units of 1 vCPU and 2 GiB, in steps of 0.25 from 0.25 to 64. */
export type Compute = {
  /** What an awake database has at least. Default 0.25. */
  readonly min?: number | undefined;
  /** What it can grow to; the quota counts this. Default 0.5, or `min` where that is more. */
  readonly max?: number | undefined;
  /** Idle time after which it sleeps; it wakes on the next connection. Default `"5m"`; `"never"` keeps it awake. */
  readonly suspendAfter?: Duration | "never" | undefined;
};

/** Either a named size or compute units, never both. */
type Sizing =
  | {
      /** A fixed size by name. Also sets the default of `storage`. */
      readonly size: SizeName;
      readonly compute?: {
        readonly min?: undefined;
        readonly max?: undefined;
        readonly suspendAfter?: Compute["suspendAfter"];
      };
    }
  | {
      readonly size?: undefined;
      /** Compute units and when to sleep. */
      readonly compute?: Compute | undefined;
    };

/** A reference to a secret of the tenant, made by `secret("name")`. The secret itself never stands in Git. */
export type SecretReference = { readonly kind: "secret"; readonly name: string };

/** A login or group role beside the owner, which every database has. */
export type Role = {
  /** Lower-case letters, digits and `_`, at most 63; not starting with `pg_`. */
  readonly name: string;
  /** Whether it can connect; it then gets a password of its own. Default true. */
  readonly login?: boolean | undefined;
  /** What it may do with the tables: `"read"` (default) or `"write"`. */
  readonly access?: "read" | "write" | undefined;
};

/** Backups without point-in-time restore. */
export type PlainBackups = {
  /** How long a backup is kept. Default `"7d"`. `"0d"` keeps none. */
  readonly retention?: Duration | undefined;
};

export type Backups = PlainBackups & {
  /** Keep the log as well, so that any second inside `retention` can be restored. Default true. */
  readonly pitr?: boolean | undefined;
};

/** Limits on clients. */
export type Connections = {
  /** Sessions at a time at the direct endpoint, 1 to 10,000. Default: what its compute has room for. */
  readonly max?: number | undefined;
  /** New sessions in a second. Default 1,000. */
  readonly perSecond?: number | undefined;
  /** Ends a session that asks nothing for so long. Default `"never"`. */
  readonly idleTimeout?: Duration | "never" | undefined;
  /** Ends a session whose open transaction waits for it so long. Default `"never"`. */
  readonly transactionTimeout?: Duration | "never" | undefined;
  /** Ends a statement that runs so long. Default `"never"`. A session may set its own. */
  readonly statementTimeout?: Duration | "never" | undefined;
};

export type JwtAlgorithm =
  | ("HS256" | "HS384" | "HS512")
  | ("RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512")
  | ("ES256" | "ES384" | "ES512" | "EdDSA");

type Claims = {
  /** Algorithms of its signatures. Default: HS256 with a secret, else RS256, ES256 and EdDSA. */
  readonly algorithms?: readonly JwtAlgorithm[] | undefined;
  /** `iss` must be this. */
  readonly issuer?: string | undefined;
  /** `aud` must hold this. */
  readonly audience?: string | undefined;
  /** The claim that names the role; dots go inwards: `"app_metadata.role"`. Default `"role"`; without it `authenticated`. */
  readonly roleClaim?: string | undefined;
};

/** Whose tokens the data API believes. A token without `exp` is never believed. */
export type Jwt =
  | (Claims & {
      /** Where its public keys are published, `https://`. */
      readonly jwks: string;
      readonly secret?: undefined;
      readonly publicKey?: undefined;
    })
  | (Claims & {
      /** A shared secret of 32 bytes or more: `secret("api-jwt")`. */
      readonly secret: SecretReference;
      readonly jwks?: undefined;
      readonly publicKey?: undefined;
    })
  | (Claims & {
      /** A public key, PEM. */
      readonly publicKey: string;
      readonly jwks?: undefined;
      readonly secret?: undefined;
    });

/** Who is told, by Standard Webhooks, of rows that changed. */
export type Webhook = {
  /** `"orders"` or `"public.orders"`. */
  readonly table: string;
  /** Default: all three. */
  readonly events?: readonly ("insert" | "update" | "delete")[] | undefined;
  /** Where messages are sent, `https://`. */
  readonly url: string;
  /** What messages are signed with: `secret("orders-hook")`, its value `whsec_...`. */
  readonly secret: SecretReference;
};

/** The data API of a database. What is not granted to its roles by a migration nobody gets. */
export type DataApi = {
  /** Schemas that are served; the first is meant where a request names none. Default `["public"]`. */
  readonly schemas?: readonly string[] | undefined;
  /** `"anon"` serves requests without a credential, as that role. Default null: they are refused. */
  readonly anonymous?: "anon" | null | undefined;
  /** Roles that a token may name beside `anon` and `authenticated`: of `roles`, or `service_role`. Default: none. */
  readonly roles?: readonly string[] | undefined;
  /** Tables without row-level security, and views that run as their owner, are not served unless they stand here. */
  readonly exposeWithoutRls?: readonly string[] | undefined;
  /** Whether `count()`, `sum()` and so on may be asked for. Default false. */
  readonly aggregates?: boolean | undefined;
  /** Most rows of an answer. Default 1,000. */
  readonly maxRows?: number | undefined;
  /** Longest body of a request, 1Mi to 64Mi. Default 4Mi. */
  readonly maxBody?: Size | undefined;
  /** Longest answer, 1Mi to 256Mi. Default 16Mi. */
  readonly maxResponse?: Size | undefined;
  /** Ends a request's statement that runs so long, 1s to 10m. Default `"10s"`. */
  readonly timeout?: Duration | undefined;
  readonly jwt?: readonly Jwt[] | undefined;
  /** Requests in a second; beyond them 429. Default: no limits. */
  readonly limits?:
    | {
        readonly perSecond?: number | undefined;
        /** Of one API key, or of one user's tokens. */
        readonly perKeyPerSecond?: number | undefined;
        readonly perAddressPerSecond?: number | undefined;
        /** By table or function: `{ "orders": 50, "rpc.send_invoice": 5 }`. */
        readonly endpoints?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  /** How long answers about a table may be kept, each for who asked: `{ countries: "60s" }`. Writes through the API end them. */
  readonly cache?: Readonly<Record<string, Duration>> | undefined;
  /** Origins whose pages may ask: `["https://app.example.com"]`, or `["*"]`. Default: none. */
  readonly cors?: readonly string[] | undefined;
  /** Default: nobody is told. A branch never inherits them. */
  readonly webhooks?: readonly Webhook[] | undefined;
  /** Tables whose changes may be listened to, by who may select the row. Default: none. */
  readonly realtime?: readonly string[] | undefined;
};

type Common = Sizing & {
  /** Storage, 1Gi to 16Ti. Default 10Gi, or what the named size brings. It can grow later, never shrink. */
  readonly storage?: Size | undefined;
  /** Members of the cluster, where the placement has them. Default 1. */
  readonly instances?: number | undefined;
  /** Who may connect over the network. Default: nobody but the gateway and this machine. */
  readonly allowFrom?: readonly Cidr[] | undefined;
  /** Free labels for cost centres, owners and policies. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** The owner's password, by reference: `secret("orders-password")`. Default: NebulaDB makes one. */
  readonly password?: SecretReference | undefined;
  /** First step of deleting: the database stops and is kept. Deleting the declaration afterwards removes it. */
  readonly retire?: boolean | undefined;
};

type Replicated = {
  /** Read-only standbys beside the primary, 0 to 15; each is billed as the primary is. Default 0. */
  readonly replicas?: number | undefined;
};

type Restorable = { readonly backups?: Backups | undefined };
type BackedUp = { readonly backups?: PlainBackups | undefined };

type WithRoles = {
  /** Roles beside the owner. */
  readonly roles?: readonly Role[] | undefined;
};

export type PostgresVersion = "18" | "17" | "16" | "15";
export type PostgresOptions = Common &
  Replicated &
  Restorable &
  WithRoles & {
    /** Major version. Always written down: a default that moves would upgrade the database. */
    readonly version: PostgresVersion;
    /** Extensions to create, for example `["vector", "pg_trgm"]`. The fleet's policy lists those allowed. */
    readonly extensions?: readonly string[] | undefined;
    /** A commit is answered when a replica has it on its disk too: no failover loses it. Needs `replicas`. Default false. */
    readonly synchronous?: boolean | undefined;
    /** Limits on its clients. */
    readonly connections?: Connections | undefined;
    /** Serves its tables over HTTP, in PostgREST's dialect: `{}` turns it on. Row-level security decides who sees what. */
    readonly api?: DataApi | undefined;
  };

/** A moment with its offset: `"2026-11-20T10:00:00Z"`. */
export type Moment = `${number}-${number}-${number}T${string}`;

/** What a branch is made of: a database of the same project, imported from its file, or its name. */
export type BranchParent = { readonly kind: "database"; readonly engine: "postgres"; readonly name: string } | string;

export type BranchOptions = Sizing & {
  /** Whose copy it is. Version, extensions, roles, storage, tags and addresses are that database's. */
  readonly of: BranchParent;
  /** The moment whose data it has, inside the parent's backup retention. Default: that of its creation. */
  readonly at?: Moment | undefined;
  /** How long it lives, from its creation; then it is removed. Default: until its file is deleted. */
  readonly ttl?: Duration | undefined;
  /** Backups of its own. Default: none, `"0d"`. */
  readonly backups?: Backups | undefined;
  /** Who may connect over the network. Default: as for its parent. */
  readonly allowFrom?: readonly Cidr[] | undefined;
  /** Labels beside its parent's. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Limits on its clients. */
  readonly connections?: Connections | undefined;
};

/** Files beside a database: objects behind an S3-compatible endpoint. */
export type BucketOptions = {
  /** The Postgres database that it belongs to: whoever has a key for its data can have one for its files. */
  readonly of: BranchParent;
  /** Whether anybody may read an object by its address. Default: with `website` yes, else no. */
  readonly public?: boolean | undefined;
  /** The largest object. Default `"1Gi"`, or `storage` where that is less. */
  readonly maxObject?: Size | undefined;
  /** What all objects together may take; the quota counts this. Default `"10Gi"`. */
  readonly storage?: Size | undefined;
  /** Origins whose pages may ask from a browser: `["https://shop.example"]`, or `["*"]`. Default: none. */
  readonly cors?: readonly string[] | undefined;
  /** Serves it as a web site: `index` (default `"index.html"`) stands for a folder, `error` for what is not there. */
  readonly website?: { readonly index?: string | undefined; readonly error?: string | undefined } | undefined;
  /** Stops serving it. Needed before its file may be deleted. Default false. */
  readonly retire?: boolean | undefined;
};

type Charset = {
  /** Default `"utf8mb4"`. */
  readonly characterSet?: string | undefined;
  readonly collation?: string | undefined;
};

export type MySQLVersion = "9.1" | "8.4" | "8.0";
export type MySQLOptions = Common & Replicated & Restorable & WithRoles & Charset & { readonly version: MySQLVersion };

export type MariaDBVersion = "11.8" | "11.4" | "10.11";
export type MariaDBOptions = Common &
  Replicated &
  Restorable &
  WithRoles &
  Charset & { readonly version: MariaDBVersion };

export type MongoDBVersion = "8.0" | "7.0" | "6.0";
export type MongoDBOptions = Common &
  Replicated &
  Restorable &
  WithRoles & {
    readonly version: MongoDBVersion;
    /** Default `"replica-set"`. */
    readonly topology?: "standalone" | "replica-set" | undefined;
  };

export type RedisVersion = "8.0" | "7.4" | "7.2";
export type RedisOptions = Common &
  Replicated &
  BackedUp & {
    readonly version: RedisVersion;
    /** `"aof"` (default) loses at most a second, `"rdb"` the time since the last snapshot, `"none"` everything. */
    readonly persistence?: "aof" | "rdb" | "none" | undefined;
    /** What to do when memory is full. Default `"noeviction"`: refuse writes. */
    readonly eviction?:
      | "noeviction"
      | "allkeys-lru"
      | "allkeys-lfu"
      | "allkeys-random"
      | "volatile-lru"
      | "volatile-lfu"
      | "volatile-random"
      | "volatile-ttl"
      | undefined;
  };

export type ElasticsearchVersion = "9.1" | "8.19" | "8.17";
export type ElasticsearchOptions = Common &
  BackedUp & {
    readonly version: ElasticsearchVersion;
    /** Share of the memory given to the JVM's heap, 10 to 75. Default 50. */
    readonly heapPercent?: number | undefined;
  };
