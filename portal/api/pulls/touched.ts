import { LRUCache } from "lru-cache";
import { placeOfPath } from "../../../platform/evaluate/index.ts";
import type { GitHub, Pull } from "../../../platform/github/index.ts";
import {
  can,
  holds,
  isInside,
  type Principal,
  reaches,
  rolesOf,
  type Scope,
  scopeMissing,
  type Target,
} from "../../../platform/identity/index.ts";
import { isName } from "../../../platform/spec/index.ts";
import type { RepositoryRow } from "../../../platform/store/index.ts";

/** What a pull request touches, as who must have what right to merge it. */
export type Touched = Target & {
  readonly scope: Scope;
  /** One of the paths, for the message. */
  readonly path: string;
};

/**
 * By path: `fleet/`, and whatever is no declaration, is the platform's; `tenant.ts` changes who may do what in a tenant; other
 * files of a tenant are shared by all its projects.
 */
export function touchedBy(paths: readonly string[]): readonly Touched[] {
  const found = new Map<string, Touched>();
  for (const path of paths) {
    const touched = { ...ownerOf(path), path };
    found.set(`${touched.scope} ${touched.tenant} ${touched.project} ${touched.database ?? ""}`, touched);
  }
  return [...found.values()];
}

function ownerOf(path: string): Omit<Touched, "path"> {
  const placed = placeOfPath(path);
  if (placed === undefined || placed.scope === "fleet") return { scope: "fleet:write", tenant: null, project: null };
  const { tenant } = placed;
  if (placed.scope === "project")
    return { scope: "pulls:merge", tenant, project: placed.project, ...databaseOf(path, placed.declares) };
  return { scope: placed.scope === "tenant" ? "tenants:write" : "pulls:merge", tenant, project: null };
}

/** `<database>.ts` is one database's; everything else of a project is all its databases'. */
function databaseOf(path: string, declares: boolean): { readonly database?: string } {
  const [, database] = /\/([^/]+)\.ts$/.exec(path) ?? [];
  return declares && database !== undefined && isName(database) && database !== "project" ? { database } : {};
}

/** Whether a principal may see it: only when all that it touches is his to see. */
export const sees = (principal: Principal, touched: readonly Touched[]): boolean =>
  touched.every((target) => can(principal, "pulls:read", target));

/** Whether it touches nothing but tenants that he knows: he may be told that it is there, and that it is not his. */
export const isAmongOwn = (principal: Principal, touched: readonly Touched[]): boolean =>
  touched.length > 0 && touched.every(({ tenant }) => tenant !== null && isInside(principal, tenant));

/** @throws NEB662 naming the path that he may not merge. */
export function demandMerge(principal: Principal, touched: readonly Touched[], hint?: string): void {
  for (const { scope, path, ...target } of touched)
    if (!holds(principal, scope, target))
      throw scopeMissing(`${rolesOf(principal)} may not merge a change of ${path}: it needs ${scope}`, {
        ...(hint === undefined ? {} : { hint }),
        fields: { scope, path },
      });
}

/**
 * An edit follows a value to where it is written, which may be a file that the tenant's projects share.
 * @throws NEB662 when that is beyond the principal's reach.
 */
export function demandReach(principal: Principal, paths: readonly string[]): void {
  const beyond = touchedBy(paths).find((target) => !reaches(principal, target));
  if (beyond !== undefined)
    throw scopeMissing(`the value is written in ${beyond.path}, which is not yours alone`, {
      hint: "Ask a domain-admin to change it there, or give the database a value of its own by git.",
      fields: { path: beyond.path },
    });
}

export type TouchedReader = (row: RepositoryRow, host: GitHub, pull: Pull) => Promise<readonly Touched[]>;

/** Reads the files of a pull request, both names of a renamed one. A head never changes, so it is read once. */
export function makeTouchedReader(): TouchedReader {
  const known = new LRUCache<string, readonly Touched[]>({ max: 2000 });
  return async (row, host, pull) => {
    const key = `${row.id} ${pull.number} ${pull.base.sha} ${pull.head.sha}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const files = await host.pullFiles(pull.number);
    const touched = touchedBy(
      files.flatMap((file) => [file.path, ...(file.previousPath === null ? [] : [file.previousPath])]),
    );
    known.set(key, touched);
    return touched;
  };
}
