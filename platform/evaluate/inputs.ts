import { createHash } from "node:crypto";
import { type StackName, stackName } from "../spec/index.ts";
import { type Placed, placeOfPath } from "./layout.ts";

/** A file of a revision, as `git ls-tree` says it. */
export type Entry = { readonly path: string; readonly hash: string; readonly mode?: string };

/** Everything the result of one evaluation depends on, and one hash of it. */
export type Inputs = { readonly treeHash: string; readonly files: readonly Entry[] };
export type ProjectInputs = Inputs & { readonly tenant: string; readonly project: string };
export type RepositoryInputs = {
  readonly projects: ReadonlyMap<StackName, ProjectInputs>;
  /** By tenant: `tenant.ts` and what the tenant shares. */
  readonly tenants: ReadonlyMap<string, Inputs>;
  readonly fleet: Inputs | null;
};

/**
 * Groups a listing by what depends on what, in one pass: a project on its folder and on what its tenant shares. Two
 * revisions whose hash for a project is equal give the same ProjectSpec.
 */
export function repositoryInputs(entries: readonly Entry[]): RepositoryInputs {
  const projects = new Map<StackName, { tenant: string; project: string; own: Entry[]; declares: boolean }>();
  const tenants = new Map<string, { own: Entry[]; shared: Entry[] }>();
  const fleet: Entry[] = [];
  for (const entry of entries) {
    const placed = placeOfPath(entry.path);
    if (placed === undefined) continue;
    if (placed.scope === "fleet") fleet.push(entry);
    else if (placed.scope === "project") projectOf(projects, placed, entry);
    else {
      const tenant = tenants.get(placed.tenant) ?? { own: [], shared: [] };
      tenants.set(placed.tenant, tenant);
      if (placed.scope === "tenant") tenant.own.push(entry);
      else tenant.shared.push(entry);
    }
  }
  for (const { tenant } of projects.values()) if (!tenants.has(tenant)) tenants.set(tenant, { own: [], shared: [] });
  return {
    projects: new Map(
      [...projects]
        .filter(([, project]) => project.declares)
        .map(([stack, { tenant, project, own }]) => [
          stack,
          { tenant, project, ...inputs([...own, ...(tenants.get(tenant)?.shared ?? [])]) },
        ]),
    ),
    tenants: new Map([...tenants].map(([name, { own, shared }]) => [name, inputs([...own, ...shared])])),
    fleet: fleet.length === 0 ? null : inputs(fleet),
  };
}

/** The projects of a listing, each with the files its result depends on. */
export const projectInputs = (entries: readonly Entry[]): ReadonlyMap<StackName, ProjectInputs> =>
  repositoryInputs(entries).projects;

function projectOf(
  projects: Map<StackName, { tenant: string; project: string; own: Entry[]; declares: boolean }>,
  { tenant, project, declares }: Placed & { readonly scope: "project" },
  entry: Entry,
): void {
  const stack = stackName(tenant, project);
  const known = projects.get(stack) ?? { tenant, project, own: [], declares: false };
  projects.set(stack, known);
  known.own.push(entry);
  if (declares && entry.path.endsWith(".ts")) known.declares = true;
}

function inputs(files: Entry[]): Inputs {
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const hash = createHash("sha256");
  for (const { path, hash: blob, mode } of files) hash.update(`${path}\0${blob}\0${mode ?? ""}\n`);
  return { treeHash: hash.digest("hex"), files };
}
