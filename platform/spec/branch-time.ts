import type { BranchSpec, DatabaseSpec, ProjectSpec } from "./types.ts";

/** How old what was made is, in seconds, by the database's name. What is not made yet is missing: its time has not begun. */
export type Ages = ReadonlyMap<string, number>;

/** Whether a branch that was made so long ago is over: its time counts from its creation. */
export function isOver(branch: Pick<BranchSpec, "ttlSeconds"> | undefined, ageSeconds: number | undefined): boolean {
  const ttl = branch?.ttlSeconds ?? null;
  return ttl !== null && ageSeconds !== undefined && ageSeconds >= ttl;
}

/**
 * A project as far as it takes something: a branch that is over stands in its file still, and is neither counted nor priced. A longer
 * ttl has it counted again. Whoever counts a project's databases counts these.
 */
export function withoutOver(project: ProjectSpec, ages: Ages): ProjectSpec {
  const counts = ({ name, branch }: DatabaseSpec): boolean => !isOver(branch, ages.get(name));
  return project.databases.every(counts) ? project : { ...project, databases: project.databases.filter(counts) };
}
