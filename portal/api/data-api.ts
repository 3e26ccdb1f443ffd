import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { can, credentialIn, identify, keyToWire } from "../../platform/identity/index.ts";
import { findPrincipal, listPrincipals } from "../../platform/store/index.ts";
import { inDatabase, member } from "./databases/read.ts";
import { apiSpec, databaseParams } from "./databases/schemas.ts";
import { apiToWire, findView } from "./databases/view.ts";
import { keySchema, visible } from "./keys.ts";
import type { Portal } from "./portal.ts";
import { absent } from "./reach.ts";
import { json, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";

/** Keys of one database in one answer. */
const mostKeys = 200;

const dataAccess = named(
  "DataAccess",
  "What a key may do with the data of one database.",
  z.strictObject({
    access: z
      .strictObject({
        id: z.string(),
        name: z.string(),
        user: z.string(),
        access: z.enum(["read", "write", "admin"]),
        expiresAt: timestamp.nullable(),
      })
      .nullable()
      .describe("null: it opens nothing there."),
  }),
);

export const dataApiRoutes = [
  route({
    method: "get",
    path: `${member}/api`,
    operationId: "dataApi.show",
    scope: "databases:read",
    target: inDatabase,
    summary: "A database's data API: its address, its settings, and the keys made for this database that you may see",
    params: databaseParams,
    replies: {
      200: json(
        "The data API",
        z.strictObject({
          url: z.string().nullable().describe("null: it is not deployed yet, or no gateway runs."),
          settings: apiSpec.nullable().describe("null: none is declared."),
          keys: z.array(keySchema),
        }),
      ),
    },
  }).handle(async ({ principal, params: { domain, project, database } }, portal) => {
    const view = await findView(portal, domain, project, database);
    const seen = await visible(portal, principal, "keys:read");
    const rows = await listPrincipals(portal.sql, { ...seen, afterId: null, count: mostKeys });
    const own = rows.filter((row) => row.tenant === domain && row.project === project && row.database === database);
    const settings = view.wanted?.api;
    return {
      status: 200,
      body: {
        url: view.apiUrl,
        settings: settings === undefined ? null : apiToWire(settings),
        keys: own.map(keyToWire),
      },
    };
  }),

  route({
    method: "get",
    path: "/api/v1/data-access",
    operationId: "dataApi.access",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "What a key may do with the data of one database, as the gateway asks it",
    description:
      "For the gateway alone: `x-nebula-gateway` holds its own secret, `x-nebula-key` the key that it is asked with.",
    query: z.strictObject({ domain: name, project: name, database: name }),
    replies: { 200: json("What it may do", dataAccess, { "cache-control": "Never kept." }) },
  }).handle(async ({ request, query: { domain, project, database } }, portal) => {
    await demandGateway(portal, request.get("x-nebula-gateway") ?? "");
    const access = await accessOf(portal, request.get("x-nebula-key") ?? "", { tenant: domain, project, database });
    return { status: 200, body: { access }, headers: { "cache-control": "no-store" } };
  }),
];

/** @throws NEB602 for everybody else, as if there were no such route. */
export async function demandGateway({ gateway }: Portal, given: string): Promise<void> {
  const secret = (await gateway?.secret())?.reveal() ?? "";
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  if (secret === "" || a.length !== b.length || !timingSafeEqual(a, b)) throw absent();
}

type Target = { readonly tenant: string; readonly project: string; readonly database: string };

/** Only keys: a session is a person at the portal, and no program of a tenant's. */
async function accessOf(portal: Portal, key: string, target: Target) {
  if (credentialIn(`ApiKey ${key}`) === undefined || !key.startsWith("ndb_")) return null;
  const principal = await identify({ ...portal, identity: portal.auth.identity }, key);
  if (principal === undefined || !can(principal, "data:read", target)) return null;
  const access = can(principal, "data:admin", target)
    ? "admin"
    : can(principal, "data:write", target)
      ? "write"
      : "read";
  const row = await findPrincipal(portal.sql, principal.id);
  const { id, name, user } = principal;
  return { id, name, user, access, expiresAt: row?.expiresAt?.toISOString() ?? null } as const;
}
