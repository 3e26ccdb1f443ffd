import { z } from "zod";
import { roles, scopesOf } from "../../platform/identity/index.ts";
import { json, route } from "./route.ts";

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
              role: z.enum(roles),
              tenant: z.string().nullable().describe("null: the whole platform."),
              project: z.string().nullable().describe("null: the whole tenant."),
            }),
          ),
          database: z.string().nullable().describe("The key of one database."),
          narrowed: z
            .strictObject({
              role: z.enum(roles).nullable().describe("The role that the key names."),
              scopes: z.array(z.string()).nullable().describe("All that the key may hold of its account's rights."),
            })
            .nullable()
            .describe("A key that holds less than its account's roles do in these places; null: all that they do."),
          scopes: z.array(z.string()).describe("Held somewhere; docs/roles.md says what each is for."),
        }),
      ),
    },
  }).handle(async ({ principal }) => {
    const { kind, id, name, user, grants, database, key } = principal;
    const shown = grants.map(({ role, tenant, project }) => ({ role, tenant, project }));
    const narrowed = principal.scopes === null ? null : { role: key?.role ?? null, scopes: [...principal.scopes] };
    const scopes = [...scopesOf(principal)];
    return { status: 200, body: { kind, id, name, user, grants: shown, database, narrowed, scopes } };
  }),
];
