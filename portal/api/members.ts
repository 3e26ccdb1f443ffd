import { z } from "zod";
import { type MemberRole, memberRoles, memberUser } from "../../platform/spec/index.ts";
import { requestProblems } from "./errors.ts";
import { proposeInTenant } from "./propose-in-tenant.ts";
import { json, route } from "./route.ts";
import { change, name } from "./schemas.ts";

const collection = "/api/v1/tenants/{tenant}/members";
const user = z
  .string()
  .regex(memberUser, "must be an e-mail address, or <subject>@github")
  .describe("An e-mail address, or `<subject>@github` for a linked account.");
const wholeTenant = ({ tenant }: { readonly tenant: string }) => ({ tenant, project: null });
const proposed = json("A pull request is open; nothing has changed yet", change, {
  Location: "The operation to follow.",
});

/** Who belongs to a tenant stands in its tenant.ts, shown by GET /api/v1/tenants/{tenant}; a change is a pull request. */
export const memberRoutes = [
  route({
    method: "post",
    path: collection,
    operationId: "members.add",
    scope: "tenants:write",
    target: wholeTenant,
    summary: "Open a pull request that makes somebody a member, or changes what a member may do",
    description:
      "Merged by who holds tenants:write. It is in force when the reconciler has read the merge: in seconds.",
    params: z.strictObject({ tenant: name }),
    body: z.strictObject({
      user,
      role: z.enum(memberRoles),
      projects: z.array(name).max(200).nullable().default(null).describe("null: all, also those that come."),
      autoMerge: z.boolean().default(false),
    }),
    replies: { 202: proposed },
  }).handle(async (call, portal) => {
    const { user, role, projects, autoMerge } = call.body;
    if (role === "domain-admin" && projects !== null)
      throw requestProblems([{ path: "projects", message: "a domain-admin has every project" }]);
    const { putMember } = await import("../edit/index.ts");
    const { tenant } = call.params;
    const where = projects === null ? tenant : projects.map((project) => `${tenant}/${project}`).join(", ");
    return proposeInTenant(portal, call, {
      edit: ({ files }) => putMember(files, { tenant, user, role, projects }),
      title: `Make ${user} a ${role} of ${where}`,
      why: `${user} may do in ${where} what a ${role} may.`,
      step: "change",
      autoMerge,
      details: { member: user, role: role satisfies MemberRole, projects },
    });
  }),

  route({
    method: "delete",
    path: `${collection}/{user}`,
    operationId: "members.remove",
    scope: "tenants:write",
    target: wholeTenant,
    summary: "Open a pull request that removes a member",
    description: "With the merge every right that came with it ends, that of his keys included.",
    params: z.strictObject({ tenant: name, user }),
    query: z.strictObject({ autoMerge: z.stringbool().default(false) }),
    replies: { 202: proposed },
  }).handle(async (call, portal) => {
    const { tenant, user } = call.params;
    const { removeMember } = await import("../edit/index.ts");
    return proposeInTenant(portal, call, {
      edit: ({ files }) => removeMember(files, { tenant, user }),
      title: `Remove ${user} from ${tenant}`,
      why: `${user} is no member of ${tenant} any more.`,
      step: "delete",
      autoMerge: call.query.autoMerge,
      details: { member: user },
    });
  }),
];
