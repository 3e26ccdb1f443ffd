import { z } from "zod";
import { apiOptions } from "./api.ts";
import { limits, namedSizes, versions } from "./catalogue.ts";
import { isCidr } from "./cidr.ts";
import { badCidr, badMoment, unknownSize, unknownVersion } from "./errors.ts";
import { shown } from "./names.ts";
import type { Engine } from "./types.ts";
import { duration, refuse, secretReference, size } from "./values.ts";

/*
 * The declared form of each engine's options: what stands in a file and what the portal accepts. A custom issue carries its
 * code and hint in `params`; the others are translated in `issues.ts`. Checks across options are in `resolve-database.ts`.
 */
const units = z.number().min(limits.minUnits).max(limits.maxUnits).multipleOf(limits.unitStep);

const version = (engine: Engine) =>
  z
    .string()
    .transform((text, ctx) =>
      versions[engine].includes(text)
        ? text
        : refuse(
            ctx,
            unknownVersion,
            `there is no ${engine} ${shown(text)}`,
            `Choose one of ${versions[engine].join(", ")}.`,
          ),
    );

const namedSize = z
  .string()
  .transform((text, ctx) =>
    namedSizes.some((known) => known.name === text)
      ? text
      : refuse(
          ctx,
          unknownSize,
          `there is no size ${shown(text)}`,
          `Choose one of ${namedSizes.map((known) => known.name).join(", ")}, or give compute units.`,
        ),
  );

const cidr = z
  .string()
  .transform((text, ctx) => (isCidr(text) ? text : refuse(ctx, badCidr, `${shown(text)} is no block`)));

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)$/;

/** The 31st of February is no day, although `Date` takes it for one of March. */
const isDay = (day: string): boolean => {
  const ms = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
};

/** A moment with its offset, in UTC to the millisecond: two texts of one moment are one value. */
const moment = z.string().transform((text, ctx) => {
  const ms = rfc3339.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text.replace(" ", "T")) : Number.NaN;
  return Number.isNaN(ms) ? refuse(ctx, badMoment, `${shown(text)} is no moment`) : new Date(ms).toISOString();
});

const role = z.strictObject({
  name: z.string(),
  login: z.boolean().optional(),
  access: z.enum(["read", "write"]).optional(),
});

const retention = duration(86_400, limits.maxRetentionSeconds, false).optional();

const common = {
  size: namedSize.optional(),
  compute: z
    .strictObject({
      min: units.optional(),
      max: units.optional(),
      suspendAfter: duration(1, limits.maxSuspendAfterSeconds, true).optional(),
    })
    .optional(),
  storage: size(limits.minStorageBytes, limits.maxStorageBytes).optional(),
  instances: z.number().int().min(1).max(limits.maxInstances).optional(),
  allowFrom: z.array(cidr).max(limits.maxAllowFrom).optional(),
  tags: z.record(z.string().regex(/^[a-z][a-z0-9._/-]{0,62}$/), z.string().max(255)).optional(),
  password: secretReference.optional(),
  retire: z.boolean().optional(),
};

const replicas = z.number().int().min(0).max(limits.maxReplicas).optional();
const roles = z.array(role).max(limits.maxRoles).optional();
const pitrBackups = z.strictObject({ retention, pitr: z.boolean().optional() }).optional();
const plainBackups = z.strictObject({ retention }).optional();
const extension = z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/);
const charset = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/);

const count = z.number().int().min(1).max(limits.maxConnections);
const timeout = duration(1, limits.maxTimeoutSeconds, true);

const connections = z
  .strictObject({
    max: count.optional(),
    perSecond: count.optional(),
    idleTimeout: timeout.optional(),
    transactionTimeout: timeout.optional(),
    statementTimeout: timeout.optional(),
  })
  .optional();

const postgres = z.strictObject({
  version: version("postgres"),
  ...common,
  connections,
  replicas,
  synchronous: z.boolean().optional(),
  backups: pitrBackups,
  roles,
  extensions: z.array(extension).max(limits.maxExtensions).optional(),
  api: apiOptions.optional(),
});

const mysqlLike = (engine: "mysql" | "mariadb") =>
  z.strictObject({
    version: version(engine),
    ...common,
    replicas,
    backups: pitrBackups,
    roles,
    characterSet: charset.optional(),
    collation: charset.optional(),
  });

const mongodb = z.strictObject({
  version: version("mongodb"),
  ...common,
  replicas,
  backups: pitrBackups,
  roles,
  topology: z.enum(["standalone", "replica-set"]).optional(),
});

const evictionPolicies = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;

const redis = z.strictObject({
  version: version("redis"),
  ...common,
  replicas,
  backups: plainBackups,
  persistence: z.enum(["aof", "rdb", "none"]).optional(),
  eviction: z.enum(evictionPolicies).optional(),
});

const elasticsearch = z.strictObject({
  version: version("elasticsearch"),
  ...common,
  backups: plainBackups,
  heapPercent: z.number().int().min(10).max(75).optional(),
});

/** The declared options of each engine. `z.input` is what a file says, `z.output` has units as numbers. */
export const optionSchemas = {
  postgres,
  mysql: mysqlLike("mysql"),
  mariadb: mysqlLike("mariadb"),
  mongodb,
  redis,
  elasticsearch,
} as const;

/** The declared options of a branch: what it says of itself, beside what it has from its parent. */
export const branchOptions = z.strictObject({
  of: z.string(),
  at: moment.optional(),
  ttl: duration(limits.minTtlSeconds, limits.maxTtlSeconds, false).optional(),
  size: common.size,
  compute: common.compute,
  connections,
  backups: pitrBackups,
  allowFrom: common.allowFrom,
  tags: common.tags,
});

/** What only some engines have, with what it is when the declaration does not say. */
export const engineDefaults = {
  postgres: {},
  mysql: { characterSet: "utf8mb4", collation: "utf8mb4_0900_ai_ci" },
  mariadb: { characterSet: "utf8mb4", collation: "utf8mb4_unicode_ci" },
  mongodb: { topology: "replica-set" },
  redis: { persistence: "aof", eviction: "noeviction" },
  elasticsearch: { heapPercent: 50 },
} as const satisfies Record<Engine, Readonly<Record<string, string | number | boolean>>>;
