/**
 * How far a list may look. Rows are matched by what they belong to: a whole tenant, one stack (`tenant.project`), or one
 * database (`tenant.project.database`).
 */
export type ReachPart = {
  readonly tenant: string;
  /** null: the whole tenant. */
  readonly project: string | null;
  /** null: the whole project. */
  readonly database: string | null;
};
export type Reach = "everything" | readonly ReachPart[];

/** Three parameters: whole tenants, stacks, databases; all null where nothing is held back. */
export function reachParameters(reach: Reach | null | undefined): readonly [unknown, unknown, unknown] {
  if (reach == null || reach === "everything") return [null, null, null];
  return [
    reach.flatMap(({ tenant, project }) => (project === null ? [tenant] : [])),
    reach.flatMap(({ tenant, project, database }) =>
      project !== null && database === null ? [`${tenant}.${project}`] : [],
    ),
    reach.flatMap(({ tenant, project, database }) =>
      project !== null && database !== null ? [`${tenant}.${project}.${database}`] : [],
    ),
  ];
}

type Columns = {
  readonly tenant: string;
  /** `tenant.project`. */
  readonly stack: string;
  /** `tenant.project.database`; left out where rows belong to no single database. */
  readonly database?: string;
};

/** The condition over `reachParameters` that begin at `$first`. What a row does not have (null) is inside no part of that kind. */
export function withinReach(first: number, { tenant, stack, database }: Columns): string {
  const one = database === undefined ? "" : ` or ${database} = any($${first + 2}::text[])`;
  const unused = database === undefined ? ` and $${first + 2}::text[] is not distinct from $${first + 2}` : "";
  return `($${first}::text[] is null or ${tenant} = any($${first}) or ${stack} = any($${first + 1}::text[])${one})${unused}`;
}
