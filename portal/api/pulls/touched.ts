import { LRUCache } from "lru-cache";
import type { GitHub, Pull } from "../../../platform/github/index.ts";
import { can, holds, isInside, type Principal, scopeMissing, whyNot } from "../../../platform/identity/index.ts";
import { type Touched, touchedBy, touchedPaths } from "../../../platform/ownership/index.ts";
import type { RepositoryRow } from "../../../platform/store/index.ts";

/** Whether a principal may see it: only when all that it touches is his to see. */
export const sees = (principal: Principal, touched: readonly Touched[]): boolean =>
  touched.every((target) => can(principal, "pulls:read", target));

/** Whether it touches nothing but tenants that he knows: he may be told that it is there, and that it is not his. */
export const isAmongOwn = (principal: Principal, touched: readonly Touched[]): boolean =>
  touched.length > 0 && touched.every(({ tenant }) => tenant !== null && isInside(principal, tenant));

/** @throws NEB662 naming the path that he may not merge. */
export function demandMerge(principal: Principal, touched: readonly Touched[], hint?: string): void {
  for (const { scope, propose: _, path, ...target } of touched)
    if (!holds(principal, scope, target)) {
      const why = whyNot(principal, scope, target);
      throw scopeMissing(`merging a change of ${path}: ${why.message}`, {
        hint: hint ?? why.hint,
        fields: { scope, path },
      });
    }
}

/**
 * An edit follows a value to where it is written, which may be a file that the tenant's projects share.
 * @throws NEB662 when that is beyond what the principal may ask for.
 */
export function demandReach(principal: Principal, paths: readonly string[]): void {
  const beyond = touchedBy(paths).find((target) => !can(principal, target.propose, target));
  if (beyond !== undefined)
    throw scopeMissing(`the value is written in ${beyond.path}, which is not yours alone`, {
      hint: "Ask a domain-admin to change it there, or give the database a value of its own by git.",
      fields: { path: beyond.path },
    });
}

export type { Touched };
export type TouchedReader = (row: RepositoryRow, host: GitHub, pull: Pull) => Promise<readonly Touched[]>;

/** Reads the files of a pull request, both names of a renamed one. A head never changes, so it is read once. */
export function makeTouchedReader(): TouchedReader {
  const known = new LRUCache<string, readonly Touched[]>({ max: 2000 });
  return async (row, host, pull) => {
    const key = `${row.id} ${pull.number} ${pull.base.sha} ${pull.head.sha}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const files = await host.pullFiles(pull.number);
    const touched = touchedBy(touchedPaths(files));
    known.set(key, touched);
    return touched;
  };
}
