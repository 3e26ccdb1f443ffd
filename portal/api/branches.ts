import { z } from "zod";
import { databaseId } from "../../platform/spec/index.ts";
import { enqueueOperation, expiryOf } from "../../platform/store/index.ts";
import { mustBeRestorable } from "./backups.ts";
import { branchBody, branchDocument, newBranchOptions } from "./databases/declared.ts";
import { inDatabase, inProject, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { type DatabaseView, findView, listViews, statusOf } from "./databases/view.ts";
import { wrongState } from "./errors.ts";
import { propose, readBase } from "./propose.ts";
import { json, route } from "./route.ts";
import { change, named, timestamp } from "./schemas.ts";
import { operationToWire, time, timeOrNull } from "./wire.ts";

const branch = named(
  "Branch",
  "A database that began as a copy of another one. It has the same routes as any database.",
  z.strictObject({
    id: z.string(),
    name: z.string(),
    of: z.string(),
    at: z.string().nullable().describe("The moment whose data it has; null: that of its creation."),
    status: z.enum(["Ready", "Reconciling", "Stalled"]),
    reason: z.string().describe("`Expired`: its time is over. Extend its ttl, or delete its file."),
    pull: z.int().nullable().describe("The pull request that it lives as long as; null: it stands in a file."),
    createdAt: timestamp.nullable(),
    expiresAt: timestamp.nullable().describe("null: it stays."),
    declared: z.boolean().describe("A file says it. Without one it belongs to a pull request, or is about to go."),
  }),
);

export const branchRoutes = [
  route({
    method: "get",
    path: `${member}/branches`,
    operationId: "databases.branches",
    scope: "databases:read",
    target: inDatabase,
    summary: "Branches of a database, those of pull requests too",
    params: databaseParams,
    replies: { 200: json("By name", z.strictObject({ items: z.array(branch) })) },
  }).handle(async ({ params: { domain, project, database } }, portal) => {
    await findView(portal, domain, project, database);
    const views = await listViews(portal, domain, project);
    return { status: 200, body: { items: views.flatMap((view) => toBranch(view, database)) } };
  }),

  route({
    method: "post",
    path: `${member}/branches`,
    operationId: "databases.branch",
    scope: "databases:write",
    target: inProject,
    summary: "Open a pull request that declares a branch of a database",
    description:
      "A copy with an endpoint and credentials of its own, of this moment or of any second inside the backup retention. With a " +
      "`ttl` it ends by itself; without one it is a clone. `backups` gives it backups of its own.",
    params: databaseParams,
    body: branchBody,
    bodyDocument: branchDocument,
    replies: {
      202: json("A pull request is open; nothing has changed yet", change, { Location: "The operation to follow." }),
    },
  }).handle(async (call, portal) => {
    const { domain, project, database: of } = call.params;
    const { name, autoMerge = false } = call.body;
    const view = await findView(portal, domain, project, of);
    const options = newBranchOptions(of, call.body, view.project.wantedSpec?.databases ?? []);
    if (typeof options.at === "string")
      await mustBeRestorable(portal, databaseId(domain, project, of), new Date(options.at));
    const base = await readBase(portal, domain, project);
    const { createBranch } = await import("../edit/index.ts");
    const { changes } = createBranch(base.files, { tenant: domain, project, name, of, options });
    const answer = await propose(portal, call, base, {
      ...{ tenant: domain, project, database: name, step: "create", autoMerge, changes },
      title: `Branch ${name} of ${domain}/${project}/${of}`,
      why: `Declares ${databaseId(domain, project, name)}, a copy of ${of}.`,
    });
    return { status: 202, ...answer };
  }),

  route({
    method: "post",
    path: `${member}/reset`,
    operationId: "databases.reset",
    scope: "databases:run",
    target: inDatabase,
    atomic: true,
    summary: "Make a branch anew of its parent; what was written in it is lost",
    description:
      "Of the moment that its declaration names, else of this one. Endpoint and credentials stay; sessions end.",
    params: databaseParams,
    replies: { 202: json("Queued", change, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { domain, project, database } }, portal) => {
    const { instance, project: row } = await findView(portal, domain, project, database);
    const name = `${domain}/${project}/${database}`;
    if (instance === null) throw wrongState(`${name} has not been made yet`);
    if (instance.spec.branch === undefined)
      throw wrongState(`${name} is no branch`, { hint: "Restore it: POST .../restore, or branch from it." });
    // One whose reset broke off is being made still, or again.
    if (!["Ready", "Failed", "Creating"].includes(instance.phase))
      throw wrongState(`${name} is ${instance.phase}, not Ready`);
    const operation = await enqueueOperation(portal.sql, {
      ...{ stack: row.stack, type: "BRANCH", database, requestedBy: principal.user },
      params: { verb: "reset" },
    });
    return {
      status: 202,
      body: { step: "reset", pull: null, operation: operationToWire(operation) },
      headers: { location: `/api/v1/operations/${operation.id}` },
      trail: { operation: operation.id },
    };
  }),
];

function toBranch(view: DatabaseView, of: string) {
  const { name, project, wanted, instance } = view;
  const said = wanted?.branch ?? instance?.spec.branch;
  if (said === undefined || said.of !== of) return [];
  const end = instance === null ? null : expiryOf({ ...instance, spec: wanted ?? instance.spec });
  return [
    {
      ...{ id: databaseId(project.tenant, project.project, name), name, of, at: said.at },
      ...statusOf(view),
      pull: said.pull ?? null,
      createdAt: timeOrNull(instance?.createdAt ?? null),
      expiresAt: end === null ? null : time(end),
      declared: wanted !== null,
    },
  ];
}
