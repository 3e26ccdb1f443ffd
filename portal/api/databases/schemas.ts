import { z } from "zod";
import { engines } from "../../../platform/spec/index.ts";
import { endpoints } from "../endpoints.ts";
import { projectStatus } from "../projects.ts";
import { money, name, named, operation, timestamp } from "../schemas.ts";
import { conditions, storage } from "./storage.ts";

export const projectParams = z.strictObject({ domain: name, project: name });
export const databaseParams = z.strictObject({ domain: name, project: name, database: name });

const phase = z.enum(["Creating", "Ready", "Paused", "Retired", "Removed", "Failed", "Expired"]);
const computeState = z.enum(["awake", "frozen", "asleep"]).nullable();
const compute = z
  .strictObject({
    units: z.number().nullable().describe("Those that it has now, and is billed for; null while it is not awake."),
    min: z.number(),
    max: z.number(),
    enforced: z
      .boolean()
      .nullable()
      .describe("Whether its machine holds it to its units. Where not, it has and is billed its max. null: not known."),
  })
  .nullable()
  .describe("How large it is. null until there is an instance.");

const rate = z.int().describe("Requests in a second; 0: as many as come.");
export const apiSpec = named(
  "DataApi",
  "The data API of a database, as it is declared, every default filled.",
  z.strictObject({
    schemas: z.array(z.string()).describe("The first is asked where a request names none."),
    anonymous: z.boolean().describe("Whether a request without a credential is served, as anon."),
    roles: z.array(z.string()).describe("Roles that a token may name beside anon and authenticated."),
    exposeWithoutRls: z.array(z.string()),
    aggregates: z.boolean(),
    maxRows: z.int(),
    maxBodyBytes: z.int(),
    maxResponseBytes: z.int(),
    timeoutSeconds: z.int(),
    jwt: z.array(
      z.strictObject({
        jwks: z.string().optional(),
        secret: z.string().optional().describe("The name of a secret of the tenant's."),
        publicKey: z.string().optional(),
        algorithms: z.array(z.string()),
        issuer: z.string().optional(),
        audience: z.string().optional(),
        roleClaim: z.string(),
      }),
    ),
    limits: z.strictObject({
      perSecond: rate,
      perKeyPerSecond: rate,
      perAddressPerSecond: rate,
      endpoints: z.record(z.string(), z.int()),
    }),
    cache: z.record(z.string(), z.int()).describe("Seconds, by table."),
    cors: z.array(z.string()),
    webhooks: z
      .array(
        z.strictObject({
          table: z.string(),
          events: z.array(z.string()),
          url: z.string(),
          secret: z.string().describe("The name of a secret of the tenant's."),
        }),
      )
      .optional()
      .describe("Who is told of rows that changed."),
    realtime: z.array(z.string()).optional().describe("Tables whose changes may be listened to."),
  }),
);
const standbys = z
  .array(
    z.strictObject({
      number: z.int(),
      phase: z.enum(["Missing", "Stopped", "Starting", "Ready"]).describe("Missing: its copy is being made."),
      streaming: z.boolean().describe("Whether it follows its primary."),
      synchronous: z.boolean().describe("Whether commits wait for it, or for another one that is synchronous."),
      lagBytes: z.number().nullable().describe("Log that it has not replayed; null: not known."),
      lagSeconds: z.number().nullable(),
    }),
  )
  .describe("Its standbys, as last looked at; empty: it has none.");
const failovers = z.int().describe("How often a standby has taken its primary's place.");

const bucketShape = {
  public: z.boolean().describe("Whether anybody may read an object by its address."),
  maxObjectBytes: z.int(),
  storageBytes: z.int().describe("What all objects together may take."),
  cors: z.array(z.string()),
  website: z.strictObject({ index: z.string(), error: z.string().optional() }).optional(),
  retire: z.boolean(),
};
export const bucketSpec = named(
  "BucketSpec",
  "A bucket as it is declared, every default filled.",
  z.strictObject(bucketShape),
);

export const databaseSpec = named(
  "DatabaseSpec",
  "What the declaration evaluates to, every default filled.",
  z.strictObject({
    engine: z.enum(engines),
    name: z.string(),
    version: z.string(),
    compute: z.strictObject({
      minUnits: z.number(),
      maxUnits: z.number(),
      suspendAfterSeconds: z.int().describe("0: never."),
    }),
    storageBytes: z.int(),
    replicas: z.int().describe("Streaming standbys beside the primary."),
    synchronous: z.literal(true).optional().describe("A commit waits until one of them has it on its disk."),
    instances: z.int(),
    backups: z.strictObject({ retentionSeconds: z.int(), pitr: z.boolean() }),
    extensions: z.array(z.string()),
    roles: z.array(z.strictObject({ name: z.string(), login: z.boolean(), access: z.enum(["read", "write"]) })),
    allowFrom: z.array(z.string()),
    tags: z.record(z.string(), z.string()),
    passwordSecret: z.string().nullable(),
    engineOptions: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    retire: z.boolean(),
    connections: z
      .strictObject({
        max: z.int().optional(),
        perSecond: z.int().optional(),
        idleSeconds: z.int().optional().describe("0: never, here and below."),
        transactionSeconds: z.int().optional(),
        statementSeconds: z.int().optional(),
      })
      .optional()
      .describe("The limits on clients that are declared."),
    buckets: z.record(z.string(), bucketSpec).optional().describe("Files beside it, by name."),
    api: apiSpec.optional().describe("How it is served over HTTP; absent: it is not."),
    branch: z
      .strictObject({
        of: z.string(),
        at: z.string().nullable().describe("The moment whose data it has; null: that of its creation."),
        ttlSeconds: z.int().nullable().describe("From its creation; null: it stays."),
        pull: z.int().optional().describe("It belongs to this pull request, and to no file."),
      })
      .optional()
      .describe("Of a branch: whose copy it is."),
  }),
);

export const database = named(
  "Database",
  "A database: what Git wants of it, and how it is.",
  z.strictObject({
    id: z.string(),
    domain: z.string(),
    project: z.string(),
    name: z.string(),
    engine: z.enum(engines),
    version: z.string(),
    spec: databaseSpec.nullable().describe("null when it is not declared any more."),
    status: projectStatus.status,
    reason: projectStatus.reason,
    drift: z.int().describe("Open differences between what runs and what is declared; 0: in sync."),
    phase: phase.nullable().describe("null until there is an instance."),
    computeState: computeState.describe("Frozen and asleep ones wake for whoever connects; null: it does not run."),
    compute,
    storage,
    conditions,
    ...{ standbys, failovers },
    host: z.string().nullable().describe("The gateway's; null until there is an instance."),
    port: z.int().nullable(),
    commit: z.string().nullable().describe("Whose declaration runs."),
    api: z
      .strictObject({ url: z.string() })
      .nullable()
      .describe("Its data API: what PostgREST's clients take as address. null: it has none, or is not deployed yet."),
    retired: z.boolean(),
    estimate: z
      .strictObject({
        month: money.describe("730 hours awake at its max, its storage full: the most that it comes to."),
        atMin: money.describe("The same at its min, where the machine enforces units."),
      })
      .nullable()
      .describe("Price of a month by the price book that bills. null: without usage:read there, or no price book."),
    createdAt: timestamp.nullable(),
    updatedAt: timestamp,
  }),
);

export const databaseStatus = named(
  "DatabaseStatus",
  "How a database is, and what is being done about it.",
  z.strictObject({
    ...projectStatus,
    drift: z.int().describe("Open differences between what runs and what is declared; 0: in sync."),
    phase: phase.nullable(),
    computeState,
    compute,
    storage,
    conditions,
    ...{ standbys, failovers },
    version: z.string().nullable(),
    host: z.string().nullable().describe("The gateway's; null until there is an instance."),
    port: z.int().nullable(),
    operation: operation.nullable().describe("The newest operation of the database or its project."),
  }),
);

export const credentials = named(
  "Credentials",
  "What a client needs to connect. Reading them is audited.",
  z.strictObject({
    host: z.string(),
    port: z.int(),
    database: z.string(),
    user: z.string(),
    password: z.string(),
    url: z.string(),
    endpoints,
    version: z.int().describe("Grows when the password is changed."),
    roles: z.array(z.string()).describe("Roles that have a password; choose one by `role`."),
  }),
);

export const metrics = named(
  "DatabaseMetrics",
  "Samples as usage is metered from, oldest first.",
  z.strictObject({
    samples: z.array(
      z.strictObject({
        at: timestamp,
        seconds: z.int().describe("Length of the slot that begins at `at`."),
        awakeSeconds: z.number(),
        computeUnits: z.number(),
        storageBytes: z.int(),
        connections: z.int(),
      }),
    ),
  }),
);
