import type { DatabaseSpec, ProjectSpec } from "../spec/index.ts";
import { databaseMoved, deletedWithoutRetire, projectDeleted } from "./errors.ts";
import { finding, type PolicyFinding } from "./findings.ts";

/** A database that is new at the head of a change. */
export type Appeared = { readonly tenant: string; readonly project: string; readonly database: string };

/** Every database that `heads` has and `bases` has not. Pass all projects that the change touches. */
export function databasesAppearing(bases: readonly ProjectSpec[], heads: readonly ProjectSpec[]): Appeared[] {
  const all = (projects: readonly ProjectSpec[]) =>
    projects.flatMap(({ tenant, project, databases }) =>
      databases.map(({ name }): Appeared => ({ tenant, project, database: name })),
    );
  const known = new Set(all(bases).map(pathOf));
  return all(heads).filter((one) => !known.has(pathOf(one)));
}

/** What only goes by a second commit. A branch is a copy, and goes with its file. */
const isKept = ({ retire, branch }: DatabaseSpec): boolean => !retire && branch === undefined;

/** Databases of the base that the head lacks and that were not retired there. */
export function checkRemovals(
  base: ProjectSpec | null,
  head: ProjectSpec,
  appeared: readonly Appeared[],
): PolicyFinding[] {
  const kept = new Set(head.databases.map(({ name }) => name));
  return (base?.databases ?? [])
    .filter((database) => isKept(database) && !kept.has(database.name))
    .map((gone) => movedTo(head, gone, appeared) ?? renamed(base, head, gone) ?? deleted(gone));
}

/** The whole project folder is gone: allowed once every database in it was retired. */
export function checkProjectDeleted(base: ProjectSpec, appeared: readonly Appeared[] = []): PolicyFinding[] {
  const live = base.databases.filter(isKept);
  if (live.length === 0) return [];
  const names = live.map(({ name }) => name).join(", ");
  const stays = `project ${base.tenant}/${base.project} is deleted while it has databases that are not retired: ${names}`;
  const moves = live.flatMap((gone) => movedTo(base, gone, appeared) ?? []);
  return [finding(projectDeleted, null, stays), ...moves];
}

function movedTo(from: ProjectSpec, gone: DatabaseSpec, appeared: readonly Appeared[]): PolicyFinding | undefined {
  const target = appeared.find(
    (one) => one.database === gone.name && (one.tenant !== from.tenant || one.project !== from.project),
  );
  if (target === undefined) return undefined;
  return finding(
    databaseMoved,
    gone.name,
    `${from.tenant}/${from.project}/${gone.name} vanishes here and appears as ${pathOf(target)}: that would be a new, empty database and the end of this one`,
  );
}

function renamed(base: ProjectSpec | null, head: ProjectSpec, gone: DatabaseSpec): PolicyFinding | undefined {
  const before = new Set((base?.databases ?? []).map(({ name }) => name));
  const fresh = head.databases.filter(({ name, branch }) => branch === undefined && !before.has(name));
  const twin = fresh.find(({ engine, version }) => engine === gone.engine && version === gone.version);
  if (twin === undefined || fresh.length !== 1) return undefined;
  return finding(
    deletedWithoutRetire,
    gone.name,
    `${gone.name} is deleted without being retired; renaming it to ${twin.name} would make a new, empty database`,
  );
}

const deleted = (gone: DatabaseSpec): PolicyFinding =>
  finding(deletedWithoutRetire, gone.name, `${gone.name} is deleted without being retired first`);

const pathOf = ({ tenant, project, database }: Appeared): string => `${tenant}/${project}/${database}`;
