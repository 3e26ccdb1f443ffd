import { z } from "zod";
import { limits } from "./catalogue.ts";
import { conflictingOptions, duplicateName, problem, reservedName, type SpecProblem } from "./errors.ts";
import { valueAt } from "./issues.ts";
import { shown } from "./names.ts";
import { duration, httpsUrl, secretReference, size } from "./values.ts";

/**
 * The `api` option: whether a database is served over HTTP, to whom, and how much of it. What came later than the first release
 * (docs/decisions/0016): a spec has `api` only where a declaration says it. No nulls inside: Pulumi drops them.
 */
export type ApiSpec = {
  /** The first is the one that is asked where a request names none. */
  readonly schemas: readonly string[];
  /** Whether a request without a credential is served, as `anon`. */
  readonly anonymous: boolean;
  /** Roles that a token may name beside `anon` and `authenticated`. Sorted. */
  readonly roles: readonly string[];
  /** `schema.table` or `schema.*`, sorted: served although row-level security does not guard them. */
  readonly exposeWithoutRls: readonly string[];
  readonly aggregates: boolean;
  readonly maxRows: number;
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  readonly timeoutSeconds: number;
  readonly jwt: readonly JwtSpec[];
  readonly limits: ApiLimits;
  /** `schema.table` to seconds. */
  readonly cache: Readonly<Record<string, number>>;
  /** Origins, sorted; `*` is any. */
  readonly cors: readonly string[];
  /** Who is told of changed rows. Absent: nobody. */
  readonly webhooks?: readonly WebhookSpec[];
  /** `schema.table`, sorted: whose changes may be listened to. Absent: none. */
  readonly realtime?: readonly string[];
};

export type WebhookSpec = {
  /** `schema.table`. */
  readonly table: string;
  /** Of insert, update and delete; sorted. */
  readonly events: readonly string[];
  readonly url: string;
  /** Name of the tenant's secret that messages are signed with. */
  readonly secret: string;
};

/** Whose tokens are believed. Exactly one of `jwks`, `secret`, `publicKey`. */
export type JwtSpec = {
  readonly jwks?: string;
  /** Name of the tenant's secret. */
  readonly secret?: string;
  /** PEM. */
  readonly publicKey?: string;
  readonly algorithms: readonly string[];
  readonly issuer?: string;
  readonly audience?: string;
  /** Dots go inwards: `app_metadata.role`. */
  readonly roleClaim: string;
};

/** Requests a second; 0: as many as come. */
export type ApiLimits = {
  readonly perSecond: number;
  readonly perKeyPerSecond: number;
  readonly perAddressPerSecond: number;
  /** By `schema.table` or `rpc.function`. */
  readonly endpoints: Readonly<Record<string, number>>;
};

/** What happens to a row. */
export const changeEvents = ["delete", "insert", "update"] as const;

/** Made in every instance that has an API; tables are granted to them by migrations. */
export const apiRoles = ["anon", "authenticated", "service_role"] as const;

const sharedAlgorithms = ["HS256", "HS384", "HS512"] as const;
const keyAlgorithms = [
  ...(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const),
  ...(["ES256", "ES384", "ES512", "EdDSA"] as const),
];

const apiDefaults = {
  maxRows: 1_000,
  maxBodyBytes: 4 * 2 ** 20,
  maxResponseBytes: 16 * 2 ** 20,
  timeoutSeconds: 10,
  sharedAlgorithms: ["HS256"],
  keyAlgorithms: ["RS256", "ES256", "EdDSA"],
} as const;

const identifier = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= 63 && !text.includes("\0"), "is no name that Postgres keeps whole");
const schemaName = identifier.refine(
  (text) => !text.startsWith("pg_") && text !== "information_schema" && !text.startsWith("nebula"),
  "is a schema of the system, which is never served",
);
const relation = z
  .string()
  .max(130)
  .regex(/^[^.\0]+(\.[^\0]+)?$/);
const perSecond = z.number().int().min(1).max(1_000_000);
const origin = z.string().regex(/^(\*|https?:\/\/[a-z0-9.-]+(:\d{1,5})?)$/);

const publicKey = z
  .string()
  .max(10_000)
  .regex(/^-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/);

const jwt = z.strictObject({
  jwks: httpsUrl.optional(),
  secret: secretReference.optional(),
  publicKey: publicKey.optional(),
  algorithms: z
    .array(z.enum([...sharedAlgorithms, ...keyAlgorithms]))
    .min(1)
    .optional(),
  issuer: z.string().min(1).max(500).optional(),
  audience: z.string().min(1).max(500).optional(),
  roleClaim: z.string().min(1).max(200).optional(),
});

export const apiOptions = z.strictObject({
  schemas: z.array(schemaName).min(1).max(20).optional(),
  anonymous: z.literal("anon").nullable().optional(),
  roles: z
    .array(z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/))
    .max(limits.maxRoles)
    .optional(),
  exposeWithoutRls: z.array(relation).max(1_000).optional(),
  aggregates: z.boolean().optional(),
  maxRows: z.number().int().min(1).max(1_000_000).optional(),
  maxBody: size(2 ** 20, 64 * 2 ** 20).optional(),
  maxResponse: size(2 ** 20, 256 * 2 ** 20).optional(),
  timeout: duration(1, 600, false).optional(),
  jwt: z.array(jwt).max(10).optional(),
  limits: z
    .strictObject({
      perSecond: perSecond.optional(),
      perKeyPerSecond: perSecond.optional(),
      perAddressPerSecond: perSecond.optional(),
      endpoints: z.record(relation, perSecond).optional(),
    })
    .optional(),
  cache: z.record(relation, duration(1, 86_400, false)).optional(),
  cors: z.array(origin).max(100).optional(),
  webhooks: z
    .array(
      z.strictObject({
        table: relation,
        events: z.array(z.enum(changeEvents)).min(1).optional(),
        url: httpsUrl,
        secret: secretReference,
      }),
    )
    .max(50)
    .optional(),
  realtime: z.array(relation).max(100).optional(),
});

type Said = z.output<typeof apiOptions>;

/** Every default filled; nothing at all where nothing is said. */
export function declaredApi(said: Said | undefined): { readonly api?: ApiSpec } {
  if (said === undefined) return {};
  const schemas = said.schemas ?? ["public"];
  const [first = "public"] = schemas;
  const qualified = (name: string) => (name.includes(".") ? name : `${first}.${name}`);
  const sorted = <T>(record: Readonly<Record<string, T>> | undefined) =>
    Object.fromEntries(
      Object.entries(record ?? {})
        .map(([name, value]) => [qualified(name), value] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  const { perSecond = 0, perKeyPerSecond = 0, perAddressPerSecond = 0, endpoints } = said.limits ?? {};
  return {
    api: {
      schemas,
      anonymous: said.anonymous === "anon",
      roles: [...new Set(said.roles ?? [])].sort(),
      exposeWithoutRls: [...new Set((said.exposeWithoutRls ?? []).map(qualified))].sort(),
      aggregates: said.aggregates ?? false,
      maxRows: said.maxRows ?? apiDefaults.maxRows,
      maxBodyBytes: said.maxBody ?? apiDefaults.maxBodyBytes,
      maxResponseBytes: said.maxResponse ?? apiDefaults.maxResponseBytes,
      timeoutSeconds: said.timeout ?? apiDefaults.timeoutSeconds,
      jwt: (said.jwt ?? []).map(fillJwt),
      limits: { perSecond, perKeyPerSecond, perAddressPerSecond, endpoints: sorted(endpoints) },
      cache: sorted(said.cache),
      cors: [...new Set(said.cors ?? [])].sort(),
      ...declaredChanges(said, qualified),
    },
  };
}

/** Who hears of changed rows: like every later field only where it is declared. */
function declaredChanges({ webhooks = [], realtime = [] }: Said, qualified: (name: string) => string) {
  const told = webhooks.map(({ table, events = changeEvents, url, secret }) => ({
    table: qualified(table),
    events: [...new Set(events)].sort(),
    url,
    secret: secret.name,
  }));
  return {
    ...(told.length === 0 ? {} : { webhooks: told }),
    ...(realtime.length === 0 ? {} : { realtime: [...new Set(realtime.map(qualified))].sort() }),
  };
}

function fillJwt({
  secret,
  jwks,
  publicKey,
  algorithms,
  issuer,
  audience,
  roleClaim,
}: NonNullable<Said["jwt"]>[number]) {
  const usual = secret === undefined ? apiDefaults.keyAlgorithms : apiDefaults.sharedAlgorithms;
  return {
    ...(jwks === undefined ? {} : { jwks }),
    ...(secret === undefined ? {} : { secret: secret.name }),
    ...(publicKey === undefined ? {} : { publicKey }),
    algorithms: algorithms ?? [...usual],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
    roleClaim: roleClaim ?? "role",
  };
}

/** What is fine alone and not together. Reads leniently: what has a wrong type is reported elsewhere. */
export function apiProblems(options: unknown): SpecProblem[] {
  const api = valueAt(options, ["api"]);
  if (typeof api !== "object" || api === null) return [];
  const declared = listAt(options, ["roles"]).map((role) => valueAt(role, ["name"]));
  return [
    ...declared.flatMap((name, index) =>
      apiRoles.some((own) => own === name)
        ? [problem(reservedName, ["roles", index, "name"], `the data API makes the role ${shown(name)} itself`)]
        : [],
    ),
    ...listAt(options, ["api", "roles"]).flatMap((name, index) =>
      typeof name !== "string" || declared.includes(name) || apiRoles.some((own) => own === name)
        ? []
        : [
            problem(
              conflictingOptions,
              ["api", "roles", index],
              `a token may not name the role ${shown(name)}: there is none`,
              `Declare it in roles, or name one of ${apiRoles.join(", ")}.`,
            ),
          ],
    ),
    ...twins(listAt(options, ["api", "schemas"]), ["api", "schemas"]),
    ...listAt(options, ["api", "jwt"]).flatMap(jwtProblems),
    ...webhookTwins(listAt(options, ["api", "webhooks"])),
  ];
}

function twins(values: readonly unknown[], path: readonly string[]): SpecProblem[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) < index
      ? [problem(duplicateName, [...path, index], `${shown(value)} is listed twice`, "Remove one of them.")]
      : [],
  );
}

/** What a receiver is known by: its table and its address. */
function webhookTwins(webhooks: readonly unknown[]): SpecProblem[] {
  const keys = webhooks.map((one) => JSON.stringify([valueAt(one, ["table"]), valueAt(one, ["url"])]));
  return keys.flatMap((key, index) =>
    keys.indexOf(key) < index
      ? [
          problem(
            duplicateName,
            ["api", "webhooks", index],
            "the same address is told of the same table twice",
            "Name all its events in one webhook.",
          ),
        ]
      : [],
  );
}

function jwtProblems(one: unknown, index: number): SpecProblem[] {
  const path = ["api", "jwt", index];
  const sources = ["jwks", "secret", "publicKey"].filter((key) => valueAt(one, [key]) !== undefined);
  if (sources.length !== 1)
    return [
      problem(
        conflictingOptions,
        path,
        `tokens are verified by ${sources.length === 0 ? "nothing" : sources.join(" and ")}`,
        'Name one of jwks: "https://...", secret: secret("name") and publicKey: "-----BEGIN PUBLIC KEY-----...".',
      ),
    ];
  const allowed: readonly string[] = sources[0] === "secret" ? sharedAlgorithms : keyAlgorithms;
  const known: readonly unknown[] = [...sharedAlgorithms, ...keyAlgorithms];
  const odd = listAt(one, ["algorithms"]).find(
    (name) => typeof name === "string" && known.includes(name) && !allowed.includes(name),
  );
  if (odd === undefined) return [];
  return [
    problem(
      conflictingOptions,
      [...path, "algorithms"],
      `${shown(odd)} does not go with ${sources[0]}`,
      `Choose of ${allowed.join(", ")}.`,
    ),
  ];
}

function listAt(value: unknown, path: readonly (string | number)[]): readonly unknown[] {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found.slice(0, 1_000) : [];
}
