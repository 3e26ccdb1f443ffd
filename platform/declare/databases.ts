import type {
  BranchOptions,
  BucketOptions,
  ElasticsearchOptions,
  MariaDBOptions,
  MongoDBOptions,
  MySQLOptions,
  PostgresOptions,
  RedisOptions,
} from "./options.ts";
import { type Place, placeOfCaller } from "./record.ts";

/** The frames of the vocabulary above the tenant's `new X(...)`: placeOfCaller, Database, X. */
const ownFrames = 3;

/** What every engine's class records. Creating one has no effect beside the value itself. */
abstract class Database<Engine extends string, Options> {
  readonly kind = "database";
  readonly engine: Engine;
  readonly name: string;
  readonly options: Options;
  readonly at: Place | null;

  protected constructor(engine: Engine, name: string, options: Options) {
    this.engine = engine;
    this.name = name;
    this.options = options;
    this.at = placeOfCaller(ownFrames);
  }
}

/**
 * A PostgreSQL database.
 *
 * ```ts
 * export default new Postgres("orders", {
 *   version: "18",
 *   compute: { min: 0.25, max: 2, suspendAfter: "5m" },
 *   storage: "10Gi",
 *   backups: { retention: "30d", pitr: true },
 * });
 * ```
 *
 * The name is the file's name without `.ts`: 1 to 40 lower-case letters, digits and hyphens. It is the database's identity:
 * another name is another database.
 */
export class Postgres extends Database<"postgres", PostgresOptions> {
  constructor(name: string, options: PostgresOptions) {
    super("postgres", name, options);
  }
}

/** A MySQL database. */
export class MySQL extends Database<"mysql", MySQLOptions> {
  constructor(name: string, options: MySQLOptions) {
    super("mysql", name, options);
  }
}

/** A MariaDB database. */
export class MariaDB extends Database<"mariadb", MariaDBOptions> {
  constructor(name: string, options: MariaDBOptions) {
    super("mariadb", name, options);
  }
}

/** A MongoDB database. */
export class MongoDB extends Database<"mongodb", MongoDBOptions> {
  constructor(name: string, options: MongoDBOptions) {
    super("mongodb", name, options);
  }
}

/** A Redis database. */
export class Redis extends Database<"redis", RedisOptions> {
  constructor(name: string, options: RedisOptions) {
    super("redis", name, options);
  }
}

/** An Elasticsearch cluster. */
export class Elasticsearch extends Database<"elasticsearch", ElasticsearchOptions> {
  constructor(name: string, options: ElasticsearchOptions) {
    super("elasticsearch", name, options);
  }
}

/**
 * A copy of a Postgres database of the same project, with an endpoint and credentials of its own.
 *
 * ```ts
 * import orders from "./orders.ts";
 *
 * export default new Branch("feature-x", { of: orders, at: "2026-11-20T10:00:00Z", ttl: "7d" });
 * ```
 *
 * Its name is its file's name, like a database's. Deleting the file removes it; it need not be retired first.
 */
export class Branch {
  readonly kind = "branch";
  readonly name: string;
  readonly options: Omit<BranchOptions, "of"> & { readonly of: unknown };
  readonly at: Place | null;

  constructor(name: string, options: BranchOptions) {
    this.name = name;
    this.options = { ...options, of: parentName(options?.of) };
    // One frame less than a database: it has no base class.
    this.at = placeOfCaller(ownFrames - 1);
  }
}

/**
 * Files beside a Postgres database of the same project: an S3-compatible bucket.
 *
 * ```ts
 * import orders from "./orders.ts";
 *
 * export default new Bucket("assets", { of: orders, public: true, storage: "20Gi" });
 * ```
 *
 * Its name is its file's name. It is retired (`retire: true`) before its file is deleted.
 */
export class Bucket {
  readonly kind = "bucket";
  readonly name: string;
  readonly options: Omit<BucketOptions, "of"> & { readonly of: unknown };
  readonly at: Place | null;

  constructor(name: string, options: BucketOptions) {
    this.name = name;
    this.options = { ...options, of: parentName(options?.of) };
    this.at = placeOfCaller(ownFrames - 1);
  }
}

/** What was imported is recorded by its name; what is no database is left as it is, for the evaluation to say so. */
function parentName(of: unknown): unknown {
  const { kind, name } = (typeof of === "object" && of !== null ? of : {}) as { kind?: unknown; name?: unknown };
  return (kind === "database" || kind === "branch") && typeof name === "string" ? name : of;
}

export type AnyDatabase = Postgres | MySQL | MariaDB | MongoDB | Redis | Elasticsearch;
