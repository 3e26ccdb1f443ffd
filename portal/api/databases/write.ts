import { z } from "zod";
import {
  type DatabaseSpec,
  databaseId,
  durationSeconds,
  formatSizeBytes,
  isOver,
  parseSizeBytes,
  versions,
} from "../../../platform/spec/index.ts";
import type { ProposedType } from "../../../platform/store/index.ts";
import type { OptionsPatch } from "../../edit/index.ts";
import { alreadyThere, matchFailed, requestProblems, wrongState } from "../errors.ts";
import { type Declarations, isFor } from "../files.ts";
import type { Portal } from "../portal.ts";
import { type Base, propose, readBase } from "../propose.ts";
import { type Call, json, route } from "../route.ts";
import { change } from "../schemas.ts";
import {
  createBody,
  createDocument,
  expandDocument,
  newOptions,
  patchBody,
  patchDocument,
  patchOptions,
  pathsOf,
  scalable,
  scaleDocument,
  upgradeDocument,
} from "./declared.ts";
import { collection, inDatabase, inProject, member } from "./read.ts";
import { databaseParams, projectParams } from "./schemas.ts";
import { type DatabaseView, findView, tagOf } from "./view.ts";

const proposed = json("A pull request is open; nothing has changed yet", change, {
  Location: "The operation to follow.",
});

export const databaseWrites = [
  route({
    method: "post",
    path: collection,
    operationId: "databases.create",
    scope: "databases:write",
    target: inProject,
    summary: "Open a pull request that declares a database",
    params: projectParams,
    body: createBody,
    bodyDocument: createDocument,
    replies: { 202: proposed },
  }).handle(async (call, portal) => {
    const { domain, project } = call.params;
    const { name, engine, autoMerge = false } = call.body;
    const options = newOptions(call.body);
    const base = await readBase(portal, domain, project);
    const { createDatabase } = await import("../../edit/index.ts");
    const { changes } = createDatabase(base.files, { tenant: domain, project, name, engine, options });
    const answer = await propose(portal, call, base, {
      tenant: domain,
      project,
      database: name,
      step: "create",
      title: `Add ${engine} ${name} to ${domain}/${project}`,
      why: `Declares the database ${databaseId(domain, project, name)}.`,
      autoMerge,
      changes,
    });
    return { status: 202, ...answer };
  }),

  route({
    method: "patch",
    path: member,
    operationId: "databases.change",
    scope: "databases:write",
    target: inDatabase,
    summary: "Open a pull request that changes a declaration",
    description:
      "The body is a JSON merge patch of declared options. Comments and formatting of the file stay as they are.",
    params: databaseParams,
    body: patchBody,
    bodyDocument: patchDocument,
    match: true,
    replies: { 202: proposed },
  }).handle(async (call, portal) => ({ status: 202, ...(await proposeChange(call, portal)) })),

  route({
    method: "post",
    path: `${member}/scale`,
    operationId: "databases.scale",
    scope: "databases:write",
    target: inDatabase,
    summary: "Open a pull request that changes compute, storage, replicas or instances",
    params: databaseParams,
    body: z.strictObject({
      ...Object.fromEntries(scalable.map((option) => [option, z.unknown().optional()])),
      autoMerge: z.boolean().optional(),
    }),
    bodyDocument: scaleDocument,
    replies: { 202: proposed },
  }).handle(async (call, portal) => ({ status: 202, ...(await proposeChange(call, portal, scaleType(call.body))) })),

  route({
    method: "post",
    path: `${member}/expand`,
    operationId: "databases.expand",
    scope: "databases:write",
    target: inProject,
    summary: "Open a pull request that gives a database more storage",
    params: databaseParams,
    body: z.strictObject({ storage: z.string(), autoMerge: z.boolean().optional() }),
    bodyDocument: expandDocument,
    replies: { 202: proposed },
  }).handle(async (call, portal) => ({ status: 202, ...(await proposeChange(call, portal, "EXPAND_STORAGE")) })),

  route({
    method: "post",
    path: `${member}/upgrade`,
    operationId: "databases.upgrade",
    scope: "databases:write",
    target: inProject,
    summary: "Open a pull request that moves a database to a newer version of its engine",
    params: databaseParams,
    body: z.strictObject({ version: z.string(), autoMerge: z.boolean().optional() }),
    bodyDocument: upgradeDocument,
    replies: { 202: proposed },
  }).handle(async (call, portal) => ({ status: 202, ...(await proposeChange(call, portal, "UPGRADE_VERSION")) })),

  route({
    method: "delete",
    path: member,
    operationId: "databases.delete",
    scope: "databases:write",
    target: inDatabase,
    summary: "Open a pull request that retires a database, or deletes one that is retired",
    description:
      "The first time the pull request says `retire: true`: merged, the database stops and everything is kept. The second " +
      "time it removes the declaration: merged, a final copy is kept for the retention time. A branch is a copy: its declaration " +
      "is removed the first time.",
    params: databaseParams,
    query: z.strictObject({ autoMerge: z.stringbool().default(false) }),
    match: true,
    replies: { 202: proposed },
  }).handle(async (call, portal) => {
    const { domain, project, database: name } = call.params;
    const { wanted, base } = await readDeclared(call, portal);
    const { deleteBranch, deleteDatabase, retireDatabase } = await import("../../edit/index.ts");
    const place = { tenant: domain, project, name, wholeTenant: base.wholeTenant };
    const { branch } = wanted;
    const deletes = wanted.retire || branch !== undefined;
    const edit = branch !== undefined ? deleteBranch : wanted.retire ? deleteDatabase : retireDatabase;
    const { changes } = edit(base.files, place);
    const own = deletes ? await migrationFiles(base, place) : [];
    const kept = branch === undefined ? "for the retention time" : "for a day";
    const answer = await propose(portal, call, base, {
      tenant: domain,
      project,
      database: name,
      step: deletes ? "delete" : "retire",
      title: `${deletes ? "Delete" : "Retire"} ${name} of ${domain}/${project}`,
      why: deletes
        ? `Removes the declaration of ${databaseId(domain, project, name)}; a final copy is kept ${kept}.`
        : `Stops ${databaseId(domain, project, name)} and keeps everything; deleting it is a second pull request.`,
      autoMerge: call.query.autoMerge,
      changes: [...changes, ...own.map((path) => ({ path, content: null }))],
    });
    return { status: 202, ...answer };
  }),
];

/** They go with the declaration: a folder of migrations of no database is refused by the review. */
async function migrationFiles(
  { host, commit }: Base,
  { tenant, project, name }: { readonly tenant: string; readonly project: string; readonly name: string },
): Promise<readonly string[]> {
  const { files } = await host.listTree(commit);
  const folder = `tenants/${tenant}/${project}/${name}/migrations/`;
  return files.flatMap(({ path }) => (path.startsWith(folder) ? [path] : []));
}

type InDatabase = Call<z.output<typeof databaseParams>, unknown, unknown>;

async function proposeChange(
  call: Call<z.output<typeof databaseParams>, unknown, z.output<typeof patchBody>>,
  portal: Portal,
  type: ProposedType = "PULL_REQUEST",
) {
  const { domain, project, database: name } = call.params;
  const { wanted, base, siblings, instance } = await readDeclared(call, portal);
  const patch = patchOptions(wanted, call.body, siblings);
  mustGrow(wanted, patch, type);
  mustBeToCome(instance, patch, portal.clock.now());
  const place = { tenant: domain, project, name, wholeTenant: base.wholeTenant };
  const { changeDatabase } = await import("../../edit/index.ts");
  const { changes } = changeDatabase(base.files, place, patch);
  if (changes.length === 0) throw alreadyThere(`${domain}/${project}/${name} says that already`);
  const paths = pathsOf(patch);
  return propose(portal, call, base, {
    tenant: domain,
    project,
    database: name,
    step: "change",
    type,
    title: `Change ${name} of ${domain}/${project}: ${shorten(paths.join(", "))}`,
    why: `Changes ${paths.join(", ")} of ${databaseId(domain, project, name)}.`,
    autoMerge: call.body.autoMerge ?? false,
    changes,
  });
}

/** Compute is the vertical part, replicas and instances the horizontal one. What says both is the larger work: vertical. */
function scaleType(body: Readonly<Record<string, unknown>>): ProposedType {
  if (body.size !== undefined || body.compute !== undefined) return "SCALE_VERTICAL";
  if (body.replicas !== undefined || body.synchronous !== undefined || body.instances !== undefined)
    return "SCALE_HORIZONTAL";
  return "EXPAND_STORAGE";
}

/** Storage is expanded and versions are upgraded by these names only; the other way is a change like others. @throws NEB601 */
function mustGrow({ engine, storageBytes, version }: DatabaseSpec, patch: OptionsPatch, type: ProposedType): void {
  const { storage, version: wanted } = patch;
  if (type === "EXPAND_STORAGE" && typeof storage === "string" && (parseSizeBytes(storage) ?? 0) < storageBytes)
    throw requestProblems([{ path: "storage", message: `is less than the ${formatSizeBytes(storageBytes)} it has` }]);
  const age = (of: string) => versions[engine].indexOf(of);
  if (type === "UPGRADE_VERSION" && typeof wanted === "string" && age(wanted) > age(version))
    throw requestProblems([{ path: "version", message: `is older than the ${version} it has` }]);
}

/** A branch's time counts from its creation: one that is over already would end it with the merge. @throws NEB601 */
function mustBeToCome(instance: DatabaseView["instance"], { ttl }: OptionsPatch, nowMs: number): void {
  const seconds = typeof ttl === "string" ? durationSeconds(ttl) : undefined;
  if (instance === null || seconds === undefined) return;
  const ageSeconds = Math.ceil((nowMs - instance.createdAt.getTime()) / 1000);
  if (!isOver({ ttlSeconds: seconds }, ageSeconds)) return;
  const message = `counts from the branch's creation, ${ageSeconds} s ago, so ${ttl} are over; delete the branch, or name more`;
  throw requestProblems([{ path: "ttl", message }]);
}

type Declared = {
  readonly wanted: DatabaseSpec;
  readonly base: Base;
  readonly siblings: readonly DatabaseSpec[];
  readonly instance: DatabaseView["instance"];
};

/**
 * The declaration that a change is about, held against If-Match and against the default branch as it is now.
 * @throws NEB612 when it is not declared any more, NEB607 when it is not what the caller read.
 */
async function readDeclared(call: InDatabase, portal: Portal): Promise<Declared> {
  const { domain, project, database: name } = call.params;
  const view = await findView(portal, domain, project, name);
  if (view.wanted === null) throw wrongState(`${domain}/${project}/${name} is not declared any more`);
  const tag = tagOf(view);
  if (call.match !== "*" && !tags(call.match).includes(tag ?? ""))
    throw matchFailed(`${domain}/${project}/${name} has the ETag ${tag} now`);
  const base = await readBase(portal, domain, project);
  if (call.match !== "*") await demandSeen(portal, view, base);
  const { wanted, instance } = view;
  return { wanted, base, siblings: view.project.wantedSpec?.databases ?? [], instance };
}

/** The ledger may be a moment behind Git: what the caller read must be what the default branch says now. */
async function demandSeen(portal: Portal, { project: row }: DatabaseView, base: Base): Promise<void> {
  if (row.wantedCommit === base.commit) return;
  const own = ({ files }: Declarations) => [...files].filter(([path]) => isFor(path, row.project));
  const seen = own(await portal.files(base.host, row.wantedCommit, row.tenant, row.project));
  const same = seen.length === own(base).length && seen.every(([path, text]) => base.files.get(path) === text);
  if (!same)
    throw matchFailed(`${row.tenant}/${row.project} changed in Git and has not been read yet`, {
      hint: "Read it again in a second, and decide on what it says then.",
    });
}

const tags = (header: string): string[] => header.split(",").map((tag) => tag.trim());

const shorten = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 59)}…`);
