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
          scopes: z.array(z.string()).describe("Held somewhere; docs/roles.md says what each is for."),
        }),
      ),
    },
  }).handle(async ({ principal }) => {
    const { kind, id, name, user, grants, database } = principal;
    const shown = grants.map(({ role, tenant, project }) => ({ role, tenant, project }));
    return { status: 200, body: { kind, id, name, user, grants: shown, database, scopes: [...scopesOf(principal)] } };
  }),
];
