import { z } from "zod";
import { credentialsFor, mostExpiresSeconds, presign } from "../../platform/files/index.ts";
import { can, type Principal, principalOfKeyId } from "../../platform/identity/index.ts";
import { type BucketSpec, bucketLabel, databaseId } from "../../platform/spec/index.ts";
import { demandGateway } from "./data-api.ts";
import { inDatabase, member } from "./databases/read.ts";
import { bucketSpec, databaseParams } from "./databases/schemas.ts";
import { bucketToWire, findView } from "./databases/view.ts";
import { bucketsUnavailable, notFound, requestProblems } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { absent, demand } from "./reach.ts";
import { json, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";

const bucket = named(
  "Bucket",
  "Files beside a database, behind an S3-compatible endpoint.",
  z.strictObject({
    name: z.string(),
    bucket: z.string().describe("What S3 calls it."),
    endpoint: z.string().nullable().describe("null: this installation has no server for buckets."),
    url: z.string().nullable().describe("Where anybody reads it; null: nobody does without a key."),
    deployed: z.boolean(),
    settings: bucketSpec,
  }),
);
const credentials = named(
  "BucketCredentials",
  "For S3 clients. They are those of one API key for one bucket, and end with that key.",
  z.strictObject({
    endpoint: z.string(),
    region: z.string(),
    bucket: z.string(),
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
  }),
);
const keyId = z.string().regex(/^[0-9a-z]{26}$/, "is not a key's id");
const key = keyId.optional().describe("Whose they are: a key of your own account. Default: the key that asks.");
const objectName = z.string().min(1).max(1024);
const params = databaseParams.extend({ bucket: name });
const bucketPath = `${member}/buckets/{bucket}`;
const uncached = { "cache-control": "no-store" };

export const bucketRoutes = [
  route({
    method: "get",
    path: `${member}/buckets`,
    operationId: "buckets.list",
    scope: "databases:read",
    target: inDatabase,
    summary: "A database's buckets",
    params: databaseParams,
    replies: { 200: json("The buckets", z.strictObject({ items: z.array(bucket) })) },
  }).handle(async ({ params: { domain, project, database } }, portal) => {
    const { wanted, instance } = await findView(portal, domain, project, database);
    const deployed = instance?.spec.buckets ?? {};
    const id = databaseId(domain, project, database);
    const declared = Object.entries({ ...deployed, ...wanted?.buckets }).sort(([a], [b]) => (a < b ? -1 : 1));
    const items = declared.map(([one, settings]) => ({
      ...{ name: one, bucket: bucketLabel(id, one), endpoint: portal.gateway?.filesUrl ?? null },
      url: openUrl(portal, bucketLabel(id, one), settings),
      deployed: one in deployed,
      settings: bucketToWire(settings),
    }));
    return { status: 200, body: { items } };
  }),

  route({
    method: "post",
    path: `${bucketPath}/credentials`,
    operationId: "buckets.credentials",
    scope: "files:read",
    target: inDatabase,
    summary: "Credentials for S3 clients: of an API key, for one bucket",
    description:
      "The same every time, for nothing is stored: they follow from the key. What they open is what the key may do at the moment " +
      "of each request (files:read, files:write); a key that is revoked opens nothing, within 15 seconds.",
    secret: true,
    params,
    body: z.strictObject({ key }),
    replies: { 200: json("The credentials", credentials) },
  }).handle(async ({ principal, params: { bucket: one, ...at }, body }, portal) => {
    const found = await findBucket(portal, at, one);
    const made = credentialsFor(found.secret, await keyFor(portal, principal, body.key), found.label);
    const { endpoint, label } = found;
    return {
      status: 200,
      body: { endpoint, region: "us-east-1", bucket: label, ...made },
      trail: { details: { bucket: one, key: made.accessKeyId } },
    };
  }),

  route({
    method: "post",
    path: `${bucketPath}/sign`,
    operationId: "buckets.sign",
    scope: "files:read",
    target: inDatabase,
    summary: "Sign an address that reads or writes one object without a key, for a time",
    secret: true,
    params,
    body: z.strictObject({
      object: objectName,
      method: z.enum(["GET", "PUT"]).default("GET"),
      expiresSeconds: z.int().min(1).max(mostExpiresSeconds).default(3600),
      key,
    }),
    replies: { 200: json("The address", z.strictObject({ url: z.string(), expiresAt: timestamp })) },
  }).handle(async ({ principal, params: { bucket: one, ...at }, body }, portal) => {
    if (body.method === "PUT")
      demand(principal, "files:write", { tenant: at.domain, project: at.project, database: at.database });
    const { label, endpoint, secret } = await findBucket(portal, at, one);
    const id = await keyFor(portal, principal, body.key);
    const nowMs = portal.clock.now();
    const { object, method, expiresSeconds } = body;
    const what = { method, origin: endpoint, bucket: label, key: object, expiresSeconds };
    return {
      status: 200,
      body: {
        url: presign(what, credentialsFor(secret, id, label), nowMs),
        expiresAt: new Date(nowMs + expiresSeconds * 1000).toISOString(),
      },
      trail: { details: { bucket: one, object, method, expiresSeconds, key: id } },
    };
  }),

  route({
    method: "get",
    path: "/api/v1/files-access",
    operationId: "buckets.access",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "What a key may do with the files of one database, as the gateway asks it",
    description:
      "For the gateway alone: `x-nebula-gateway` holds its own secret, `x-nebula-key` the public id of a key.",
    query: z.strictObject({ domain: name, project: name, database: name }),
    replies: {
      200: json(
        "What it may do",
        named(
          "FilesAccess",
          "What a key may do with the files of one database.",
          z.strictObject({
            access: z
              .strictObject({
                id: z.string(),
                name: z.string(),
                user: z.string(),
                access: z.enum(["read", "write"]),
                expiresAt: timestamp.nullable(),
              })
              .nullable()
              .describe("null: nothing."),
          }),
        ),
        { "cache-control": "Never kept." },
      ),
    },
  }).handle(async ({ request, query: { domain, project, database } }, portal) => {
    await demandGateway(portal, request.get("x-nebula-gateway") ?? "");
    const target = { tenant: domain, project, database };
    return {
      status: 200,
      body: { access: await accessOf(portal, request.get("x-nebula-key") ?? "", target) },
      headers: uncached,
    };
  }),
];

type Place = { readonly domain: string; readonly project: string; readonly database: string };

/** What is served: deployed, and not retired. @throws NEB602, NEB798 */
async function findBucket(portal: Portal, { domain, project, database }: Place, one: string) {
  const { instance } = await findView(portal, domain, project, database);
  const settings = instance?.spec.buckets?.[one];
  if (settings === undefined) throw notFound(`${domain}/${project}/${database} has no bucket ${one} that is deployed`);
  const [endpoint, secret] = [portal.gateway?.filesUrl ?? null, (await portal.gateway?.filesSecret()) ?? null];
  if (endpoint === null || secret === null) throw bucketsUnavailable("no server for buckets runs beside this portal");
  return { settings, label: bucketLabel(databaseId(domain, project, database), one), endpoint, secret };
}

/** A key asks for itself; a person names a key of the own account. @throws NEB601, NEB602 */
async function keyFor(portal: Portal, principal: Principal, asked: string | undefined): Promise<string> {
  if (principal.kind !== "user" && (asked === undefined || asked === principal.id)) return principal.id;
  const problem = "is required: name a key of yours (`nebula key create ... --scope files:read`)";
  if (asked === undefined) throw requestProblems([{ path: "key", message: problem }]);
  const found = await principalOfKeyId({ ...portal }, asked);
  // of a key that is wider than the one that asks nothing is handed out: only a session names another
  if (
    principal.kind !== "user" ||
    found?.principal.account === undefined ||
    found.principal.account !== principal.account
  )
    throw absent();
  return asked;
}

async function accessOf(portal: Portal, id: string, target: { tenant: string; project: string; database: string }) {
  if (!keyId.safeParse(id).success) return null;
  const found = await principalOfKeyId({ ...portal }, id);
  if (found === undefined || !can(found.principal, "files:read", target)) return null;
  const { name: keyName, user } = found.principal;
  const access = can(found.principal, "files:write", target) ? ("write" as const) : ("read" as const);
  return { id, name: keyName, user, access, expiresAt: found.expiresAt?.toISOString() ?? null };
}

/** A web site has a name of its own; a public bucket is read by the path. */
function openUrl({ gateway }: Portal, label: string, { public: isPublic, website, retire }: BucketSpec): string | null {
  if (gateway === null || gateway.filesUrl === null || retire) return null;
  if (website !== undefined) {
    const { protocol, port } = new URL(gateway.filesUrl);
    return `${protocol}//${label}.${gateway.domain}:${port}/`;
  }
  return isPublic ? `${gateway.filesUrl}/${label}/` : null;
}
