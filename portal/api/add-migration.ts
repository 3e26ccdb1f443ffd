import { can, type Principal, scopeMissing, type Target } from "../../platform/identity/index.ts";
import { numberOf, onlyOnBranches, readMigration } from "../../platform/migrations/index.ts";
import { databaseId } from "../../platform/spec/index.ts";
import { getSchema } from "../../platform/store/index.ts";
import type { DatabaseView } from "./databases/view.ts";
import { requestProblems } from "./errors.ts";
import { enqueue, mustRun, queued, type Sql } from "./migration-queue.ts";
import type { Portal } from "./portal.ts";
import { propose, readBase } from "./propose.ts";

type Asker = { readonly principal: Principal; readonly idempotencyKey: string | undefined };

export type NewMigration = {
  readonly name: string;
  readonly sql: string;
  readonly autoMerge?: boolean | undefined;
  /** At once and without a file: on a branch only. */
  readonly direct?: boolean | undefined;
};

/**
 * Opens the pull request that adds a migration, or runs it on a branch.
 * @throws NEB601 with the places of what no migration can have, NEB446 for what is to run at once on no branch.
 */
export async function addMigration(
  portal: Portal,
  asker: Asker,
  view: DatabaseView,
  { name, sql, autoMerge = false, direct = false }: NewMigration,
) {
  const { tenant, project } = view.project;
  const database = view.name;
  const { problems } = await readMigration({ file: `0000_${name}`, text: sql, path: "sql" });
  if (problems.length > 0)
    throw requestProblems(
      problems.map(({ line, column, message, hint, code }) => ({
        path: "sql",
        message: `line ${line}, column ${column}: ${message}`,
        code,
        hint,
      })),
    );
  if (direct) {
    mustWriteBranches(asker.principal, { tenant, project, database });
    return runDirect(portal, view, { sql, name, requestedBy: asker.principal.user });
  }
  const base = await readBase(portal, tenant, project);
  const schema = await getSchema(portal.sql, databaseId(tenant, project, database));
  const folder = `tenants/${tenant}/${project}/${database}/migrations/`;
  const { files } = await base.host.listTree(base.commit);
  const taken = files.flatMap(({ path }) => (path.startsWith(folder) ? [path.slice(folder.length)] : []));
  const path = `${folder}${nextNumber([...taken, ...Object.keys(schema?.applied ?? {})])}_${name}.sql`;
  const answer = await propose(portal, asker, base, {
    ...{ tenant, project, database, step: "change", autoMerge },
    changes: [{ path, content: sql.endsWith("\n") ? sql : `${sql}\n` }],
    title: `Migration ${path.slice(folder.length)} of ${tenant}/${project}/${database}`,
    why: `Adds a migration to ${databaseId(tenant, project, database)}; it runs once this is merged and deployed.`,
  });
  return { status: 202 as const, ...answer };
}

/** What runs at once is SQL that writes, whatever route it comes by. */
function mustWriteBranches(principal: Principal, target: Target): void {
  if (can(principal, "sql:branch", target)) return;
  throw scopeMissing("running SQL on a branch needs sql:branch", { fields: { scope: "sql:branch" } });
}

/** @throws NEB446 unless it is a branch, and nobody's preview of anything but itself */
async function runDirect(
  { sql }: { readonly sql: Sql },
  view: DatabaseView,
  asked: { readonly sql: string; readonly name: string; readonly requestedBy: string },
) {
  mustRun(view);
  const { project, name } = view;
  if (view.instance?.spec.branch === undefined)
    throw onlyOnBranches(`${project.tenant}/${project.project}/${name} is no branch`);
  const params = { verb: "direct", sql: asked.sql, name: asked.name };
  return queued(await enqueue(sql, view, asked.requestedBy, params), "migrate");
}

/** After every number that is taken, as wide as they are. */
function nextNumber(taken: readonly string[]): string {
  const numbers = taken.map(numberOf);
  const last = Math.max(0, ...numbers);
  const width = Math.max(4, String(last).length);
  return String(last + 1).padStart(width, "0");
}
