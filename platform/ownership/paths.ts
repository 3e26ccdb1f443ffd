import { placeOfPath } from "../evaluate/index.ts";
import { can, type Grant, holds, type Principal, type Scope, type Target } from "../identity/index.ts";
import { isName } from "../spec/index.ts";

/** What a change touches, as who must have what right. */
export type Touched = Required<Target> & {
  /** To merge it. */
  readonly scope: Scope;
  /** To ask for it. */
  readonly propose: Scope;
  /** One of the paths, for the message. */
  readonly path: string;
};

/**
 * By path: `fleet/`, and whatever is no declaration, is the platform's; `tenant.ts` changes who may do what in a tenant; other
 * files of a tenant are shared by all its projects. A path that means nothing to us belongs to the platform.
 */
export function touchedBy(paths: Iterable<string>): readonly Touched[] {
  const found = new Map<string, Touched>();
  for (const path of paths) {
    const touched = { ...ownerOf(path), path };
    const key = `${touched.scope} ${touched.tenant} ${touched.project} ${touched.database}`;
    if (!found.has(key)) found.set(key, touched);
  }
  return [...found.values()];
}

function ownerOf(path: string): Omit<Touched, "path"> {
  const placed = placeOfPath(path);
  if (placed === undefined || placed.scope === "fleet") return { ...only("fleet:write"), ...nowhere };
  const { tenant } = placed;
  if (placed.scope === "tenant") return { ...only("tenants:write"), ...nowhere, tenant };
  if (placed.scope !== "project") return { ...building, ...nowhere, tenant };
  return {
    ...building,
    tenant,
    project: placed.project,
    database: placed.declares ? databaseOf(path) : migrationsOf(path),
  };
}

/** Files of migrations are their database's, as its declaration is. */
const migrationsOf = (path: string): string | null => {
  const [, name] = /^tenants\/[^/]+\/[^/]+\/([^/]+)\/migrations\/[^/]+\.sql$/.exec(path) ?? [];
  return name !== undefined && isName(name) ? name : null;
};

/** `<database>.ts` is one database's; everything else of a project is all its databases'. */
function databaseOf(path: string): string | null {
  const [, name] = /\/([^/]+)\.ts$/.exec(path) ?? [];
  return name !== undefined && isName(name) && name !== "project" ? name : null;
}

const nowhere = { tenant: null, project: null, database: null };

const only = (scope: Scope) => ({ scope, propose: scope });
const building = { scope: "pulls:merge", propose: "databases:write" } as const;

/** Every path that a change names, on either side of a rename. */
export const touchedPaths = (
  changes: readonly { readonly path: string; readonly previousPath: string | null }[],
): readonly string[] => [
  ...new Set(changes.flatMap(({ path, previousPath }) => [path, ...(previousPath === null ? [] : [previousPath])])),
];

/** Who asks for a change, as far as it is known. */
export type Author =
  /** What all of `principals` may do: a key, and the person whose key it is. */
  | { readonly kind: "known"; readonly name: string; readonly principals: readonly Principal[] }
  /** Nobody that this platform knows: no rights at all. */
  | { readonly kind: "unknown"; readonly name: string; readonly why: string };

/** Whether its author may ask for this part of a change. */
export const mayPropose = (author: Author, touched: Touched): boolean =>
  author.kind === "known" && author.principals.every((principal) => can(principal, touched.propose, touched));

/** Whether its author may merge this part of a change. */
export const mayMerge = (author: Author, touched: Touched): boolean =>
  author.kind === "known" && author.principals.every((principal) => holds(principal, touched.scope, touched));

/** A person as such: no key, so not narrowed. */
export const personOf = (name: string, grants: readonly Grant[]): Author & { readonly kind: "known" } => ({
  kind: "known",
  name,
  principals: [{ kind: "user", id: name, name, user: name, grants, scopes: null, database: null }],
});
