import type { GitHub } from "../../platform/github/index.ts";
import { stackName } from "../../platform/spec/index.ts";
import {
  findRepository,
  getProject,
  getRepository,
  listFleets,
  listRepositories,
  type RepositoryRow,
} from "../../platform/store/index.ts";
import { noRepository, notFound } from "./errors.ts";
import type { Portal } from "./portal.ts";

export type Host = { readonly row: RepositoryRow; readonly host: GitHub };

/**
 * The tenant repository a request is about: the named one, else the first.
 * @throws NEB615 when there is none yet, NEB602 when the named one is not connected.
 */
export async function hostFor(portal: Portal, named?: string): Promise<Host> {
  const row = named === undefined ? (await listRepositories(portal.sql))[0] : await find(portal, named);
  if (row !== undefined) return { row, host: portal.hostOf(row) };
  if (named !== undefined) throw notFound(`the repository ${named} is not connected`);
  throw noRepository("no tenant repository is connected yet");
}

/**
 * Where a project's declaration is, or belongs: the repository that declares it, else the one that declares its tenant, else the
 * first. @throws NEB615 when there is none yet.
 */
export async function hostOfProject(portal: Portal, tenant: string, project: string): Promise<Host> {
  const { sql } = portal;
  const known =
    (await getProject(sql, stackName(tenant, project)))?.repository ?? (await repositoryOfTenant(sql, tenant));
  const row = known === undefined ? undefined : await getRepository(sql, known);
  return row === undefined ? hostFor(portal) : { row, host: portal.hostOf(row) };
}

async function repositoryOfTenant(sql: Portal["sql"], tenant: string): Promise<string | undefined> {
  const fleets = await listFleets(sql);
  return fleets.find(({ tenants }) => tenants.some((one) => one.tenant === tenant))?.repository;
}

async function find({ sql }: Portal, named: string): Promise<RepositoryRow | undefined> {
  const [owner = "", name = ""] = named.split("/");
  return findRepository(sql, owner, name);
}
