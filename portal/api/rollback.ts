import { z } from "zod";
import { databaseId } from "../../platform/spec/index.ts";
import { listPullRows, listRestorePoints, type PullRow, type RestorePoint } from "../../platform/store/index.ts";
import { inDatabase, inProject, member } from "./databases/read.ts";
import { databaseParams, projectParams } from "./databases/schemas.ts";
import { notFound, wrongState } from "./errors.ts";
import type { FileSet } from "./files.ts";
import type { Portal } from "./portal.ts";
import { type Base, propose, readBase } from "./propose.ts";
import { json, route } from "./route.ts";
import { change, name, named, sha, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

const restorePoint = named(
  "RestorePoint",
  "A moment of a database before an apply that could touch its data. Marked in the server's own log: a restore can name it.",
  z.strictObject({
    id: z.string(),
    at: timestamp,
    lsn: z.string().describe("Place in the server's write-ahead log."),
    name: z.string(),
    commit: z.string().nullable().describe("Whose declaration ran until then."),
    operation: z.string().describe("What came after it."),
  }),
);

export const rollbackRoutes = [
  route({
    method: "post",
    path: "/api/v1/domain/{domain}/project/{project}/rollback",
    operationId: "projects.rollback",
    scope: "databases:write",
    target: inProject,
    summary: "Open a pull request that puts a project's declarations back",
    description:
      "To how they were before the newest merged pull request that changed the project - with `database`, the newest that changed " +
      "that database's declaration, whatever was merged for others since - or at a commit of the default branch. " +
      "Goes through the same review as any change. A database that did not exist then is retired, not deleted. Data stays as it " +
      "is: the pull request names the restore points that belong to it.",
    params: projectParams,
    body: z.strictObject({
      to: sha.optional().describe("A commit of the default branch."),
      database: name.optional().describe("Only this database's declaration."),
      autoMerge: z.boolean().optional(),
    }),
    replies: {
      202: json("A pull request is open; nothing has changed yet", change, { Location: "The operation to follow." }),
    },
  }).handle(async (call, portal) => {
    const { domain: tenant, project } = call.params;
    const { database = null, autoMerge = false, to } = call.body;
    const base = await readBase(portal, tenant, project);
    const target = await targetOf(portal, base, { tenant, project, database, to });
    const then = await portal.files(base.host, target.commit, tenant, project);
    const changes = await changesBetween(base, then.files, { tenant, project, database });
    const what = database === null ? `${tenant}/${project}` : `${tenant}/${project}/${database}`;
    if (changes.length === 0)
      throw wrongState(`${what} is declared as it was at ${target.commit.slice(0, 12)}`, {
        hint: "Name an earlier commit with `to`.",
      });
    const points = await pointsOf(portal, { tenant, project }, changes);
    const answer = await propose(portal, call, base, {
      ...{ tenant, project, database, step: "change", autoMerge, changes },
      title: `Roll back ${what} to ${target.commit.slice(0, 7)}`,
      why: [`Declares ${what} as it was at ${target.commit}${target.because}.`, ...points].join("\n\n"),
    });
    return {
      status: 202,
      ...answer,
      trail: { ...answer.trail, resource: what, details: { ...answer.trail.details, to: target.commit } },
    };
  }),

  route({
    method: "get",
    path: `${member}/restore-points`,
    operationId: "databases.restorePoints",
    scope: "databases:read",
    target: inDatabase,
    summary: "Restore points of a database, newest first",
    params: databaseParams,
    replies: { 200: json("The newest hundred", z.strictObject({ items: z.array(restorePoint) })) },
  }).handle(async ({ params: { domain, project, database } }, { sql }) => {
    const points = await listRestorePoints(sql, { instance: databaseId(domain, project, database), limit: 100 });
    return { status: 200, body: { items: points.map(pointToWire) } };
  }),
];

type Place = { readonly tenant: string; readonly project: string };
type Target = { readonly commit: string; readonly because: string };

/** @throws NEB602 when the commit is not on the default branch, NEB612 when nothing was merged yet that changed it. */
async function targetOf(
  portal: Portal,
  { row, host, commit }: Base,
  { tenant, project, database, to }: Place & { readonly database: string | null; readonly to: string | undefined },
): Promise<Target> {
  if (to !== undefined) {
    const { behindBy } = await host.compare(to, commit);
    if (behindBy > 0) throw notFound(`commit ${to.slice(0, 12)} is not on ${row.defaultBranch}`);
    return { commit: to, because: "" };
  }
  const merged = await listPullRows(portal.sql, { repository: row.id, state: "merged", limit: 1000 });
  const ofProject = merged
    .filter((pull) => pull.mergeCommit !== null && touches(pull, `${tenant}.${project}`))
    .sort((a, b) => (b.mergedAt?.getTime() ?? 0) - (a.mergedAt?.getTime() ?? 0));
  for (const { number, mergeCommit } of ofProject.slice(0, database === null ? 1 : mostMerges)) {
    const [parent] = (await host.getCommit(mergeCommit ?? "")).parents;
    if (parent === undefined) throw wrongState(`there is nothing before pull request ${number}`);
    const before = { commit: parent, because: `, before pull request #${number}` };
    if (database === null) return before;
    const path = `tenants/${tenant}/${project}/${database}.ts`;
    const [then, now] = await Promise.all([host.getFile(path, parent), host.getFile(path, mergeCommit ?? "")]);
    if (then?.text !== now?.text) return before;
  }
  const what = database === null ? `${tenant}/${project}` : `${tenant}/${project}/${database}`;
  const among = ofProject.length > mostMerges ? ` among the newest ${mostMerges}` : "";
  throw wrongState(`no merged pull request${among} changed ${what} yet`, { hint: "Name a commit with `to`." });
}

/** How far back a database's newest change is looked for: two files are read for each. */
const mostMerges = 50;

type Reviewed = { readonly projects?: readonly { readonly stack?: unknown; readonly kind?: unknown }[] } | null;

const touches = ({ review }: PullRow, stack: string): boolean =>
  ((review as Reviewed)?.projects ?? []).some((one) => one.stack === stack && one.kind !== "same");

/**
 * What differs in the project's own folder. Files that were there then come back as they were; a database that was not is retired;
 * code that was not there stays: it declares nothing by itself.
 */
async function changesBetween(base: Base, then: FileSet, at: Place & { readonly database: string | null }) {
  const { tenant, project, database } = at;
  const folder = `tenants/${tenant}/${project}/`;
  const isMeant = (path: string): boolean =>
    path.startsWith(folder) && (database === null || path === `${folder}${database}.ts`);
  const restored = [...then]
    .filter(([path, content]) => isMeant(path) && base.files.get(path) !== content)
    .map(([path, content]) => ({ path, content }));
  const { retireDatabase } = await import("../edit/index.ts");
  const retired = [...base.files.keys()]
    .filter((path) => isMeant(path) && !then.has(path))
    .flatMap((path) => databaseOf(path, folder) ?? [])
    .flatMap((name) => {
      const edited = retireDatabase(base.files, { tenant, project, name, wholeTenant: base.wholeTenant });
      return [...edited.changes];
    });
  return [...restored, ...retired];
}

function databaseOf(path: string, folder: string): string | undefined {
  const [, found] = /^([^/]+)\.ts$/.exec(path.slice(folder.length)) ?? [];
  return found === "project" ? undefined : found;
}

/** For the reader of the pull request: where the data of the databases stood before each apply that could touch it. */
async function pointsOf({ sql }: Portal, { tenant, project }: Place, changes: readonly { readonly path: string }[]) {
  const folder = `tenants/${tenant}/${project}/`;
  const names = changes.flatMap(({ path }) => databaseOf(path, folder) ?? []);
  const lists = await Promise.all(
    names.map(async (database) => ({
      database,
      points: await listRestorePoints(sql, { instance: databaseId(tenant, project, database), limit: 3 }),
    })),
  );
  const lines = lists.flatMap(({ database, points }) => points.map((point) => lineOf(database, point)));
  if (lines.length === 0) return ["No restore point was taken of what this changes: only declarations go back."];
  return [
    `Only declarations go back. The data of then is marked, and \`nebula db restore <database> --point <id>\` puts it back:\n${lines.join("\n")}`,
  ];
}

const lineOf = (database: string, { id, at, lsn, commit }: RestorePoint): string =>
  `- ${database}: ${id} at ${time(at)}, log ${lsn}${commit === null ? "" : `, declared by ${commit.slice(0, 7)}`}`;

const pointToWire = ({ id, at, lsn, name: called, commit, operation }: RestorePoint) => ({
  ...{ id, at: time(at), lsn, name: called, commit, operation },
});
