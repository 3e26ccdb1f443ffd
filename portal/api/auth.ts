import { z } from "zod";
import { can, issueToken, reachOf, roles, scopesOf, tokenToWire } from "../../platform/identity/index.ts";
import { findPrincipal, listPrincipals, revokePrincipal } from "../../platform/store/index.ts";
import { requestProblems } from "./errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import { absent } from "./reach.ts";
import { json, nothing, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";

const role = z.enum(roles);
const shownToken = {
  id: z.string().describe("Public; names the token in lists, logs and the audit."),
  name: z.string(),
  user: z.string(),
  role,
  tenant: z.string().nullable(),
  project: z.string().nullable(),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  lastUsedAt: timestamp.nullable(),
};
const tokenSchema = named("Token", "An API token, without its secret.", z.strictObject(shownToken));
const newToken = named(
  "NewToken",
  "An API token with its secret: this is the only time that it is shown.",
  z.strictObject({ ...shownToken, token: z.string() }),
);

export const authRoutes = [
  route({
    method: "get",
    path: "/api/v1/auth/whoami",
    operationId: "auth.whoami",
    scope: "self:read",
    target: "own",
    summary: "Who the token speaks for, and what it may do",
    replies: {
      200: json(
        "The principal",
        z.strictObject({
          kind: z.enum(["user", "service", "token"]),
          id: z.string(),
          name: z.string(),
          user: z.string(),
          grants: z.array(
            z.strictObject({
              role,
              tenant: z.string().nullable().describe("null: the whole platform."),
              project: z.string().nullable().describe("null: the whole tenant."),
            }),
          ),
          database: z.string().nullable().describe("The key of one database."),
          scopes: z.array(z.string()).describe("Held somewhere; docs/roles.md says what each is for."),
        }),
      ),
    },
  }).handle(async ({ principal }) => {
    const { kind, id, name, user, grants, database } = principal;
    const shown = grants.map(({ role, tenant, project }) => ({ role, tenant, project }));
    return { status: 200, body: { kind, id, name, user, grants: shown, database, scopes: [...scopesOf(principal)] } };
  }),

  route({
    method: "get",
    path: "/api/v1/auth/tokens",
    operationId: "tokens.list",
    scope: "keys:read",
    target: "own",
    summary: "Tokens inside your reach",
    query: z.strictObject(pageQuery),
    replies: { 200: json("A page of tokens", pageOf(tokenSchema)) },
  }).handle(async ({ principal, query }, { sql }) => {
    const within = reachOf(principal, "keys:read");
    const afterId = fromCursor("tokens", query.cursor, z.string());
    const rows = await listPrincipals(sql, { within, afterId, limit: query.limit + 1 });
    return {
      status: 200,
      body: toPage(
        "tokens",
        rows.map(tokenToWire),
        query.limit,
        (row) => row.id,
        (row) => row as z.input<typeof tokenSchema>,
      ),
    };
  }),

  route({
    method: "post",
    path: "/api/v1/auth/tokens",
    operationId: "tokens.create",
    scope: "keys:write",
    target: "own",
    summary: "Make a token",
    description: "The role may hold nothing that your own does not, and reach nowhere that you do not.",
    secret: true,
    body: z.strictObject({
      name: z.string().min(1).max(100).describe("What it is for."),
      user: z.string().min(1).max(100).optional().describe("Who it speaks for. Default: you."),
      role,
      tenant: name.nullable().default(null),
      project: name.nullable().default(null),
      expiresAt: z.iso.datetime().optional(),
    }),
    replies: { 201: json("The token, shown once", newToken) },
  }).handle(async ({ principal, body }, { sql, clock }) => {
    const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
    if (expiresAt !== null && expiresAt.getTime() <= clock.now())
      throw requestProblems([{ path: "expiresAt", message: "must be in the future" }]);
    const user = body.user ?? principal.user;
    const { text, row } = await issueToken(sql, principal, { ...body, user, expiresAt });
    return {
      status: 201,
      body: { ...(tokenToWire(row) as z.input<typeof tokenSchema>), token: text.reveal() },
      trail: { resource: row.id, details: { user, role: row.role, tenant: row.tenant, project: row.project } },
    };
  }),

  route({
    method: "delete",
    path: "/api/v1/auth/tokens/{id}",
    operationId: "tokens.revoke",
    scope: "keys:write",
    target: "own",
    summary: "Revoke a token, from the next request on",
    params: z.strictObject({ id: z.string().regex(/^[0-9a-z]{26}$/, "is not a token id") }),
    replies: { 204: nothing("Revoked") },
  }).handle(async ({ principal, params }, { sql }) => {
    const row = await findPrincipal(sql, params.id);
    const visible = row !== undefined && can(principal, "keys:write", row);
    if (!visible || !(await revokePrincipal(sql, params.id))) throw absent();
    return { status: 204, body: undefined, trail: { resource: params.id } };
  }),
];
