import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import { type ProjectRow, type ProjectStatus, projectColumns } from "./project.ts";

export const getProject = (sql: Sql, stack: string): Promise<ProjectRow | undefined> =>
  sql.maybe<ProjectRow>(`select ${projectColumns} from projects where stack = $1`, [stack]);

export type ProjectFilter = {
  /** Default: everything. */
  readonly within?: Reach;
  readonly status?: ProjectStatus | null;
  readonly afterStack?: string | null;
  readonly limit?: number;
};

/** By stack name. A project of a stalled repository counts as stalled. */
export const listProjects = (sql: Sql, filter: ProjectFilter = {}): Promise<readonly ProjectRow[]> =>
  sql.query<ProjectRow>(
    `select ${projectColumns} from projects
     where ${withinReach(1, { tenant: "tenant", stack: "stack" })}
       and ($4::text is null or $4 = coalesce((select 'Stalled' from repositories r
         where r.id = projects.repository and r.stalled_code is not null), status))
       and ($5::text is null or stack > $5)
     order by stack limit $6`,
    [...reachParameters(filter.within), filter.status ?? null, filter.afterStack ?? null, filter.limit ?? 1000],
  );

/** What the last pass understood of a repository: one small row a project, so that comparing 1,000 of them is cheap. */
export const listWanted = (
  sql: Sql,
  repository: string,
): Promise<readonly Pick<ProjectRow, "stack" | "wantedTree" | "wantedHash" | "status" | "reason">[]> =>
  sql.query(
    `select stack, wanted_tree as "wantedTree", wanted_hash as "wantedHash", status, reason
     from projects where repository = $1`,
    [repository],
  );

/** The rows of many stacks. */
export const getProjects = (sql: Sql, stacks: readonly string[]): Promise<readonly ProjectRow[]> =>
  sql.query<ProjectRow>(`select ${projectColumns} from projects where stack = any($1) order by stack`, [stacks]);

/** Projects whose text was last understood at this commit. */
export const listProjectsAt = (sql: Sql, repository: string, commit: string): Promise<readonly ProjectRow[]> =>
  sql.query<ProjectRow>(
    `select ${projectColumns} from projects where repository = $1 and wanted_commit = $2 order by stack`,
    [repository, commit],
  );

/** Databases that run in a repository's projects. */
export async function countApplied(sql: Sql, repository: string): Promise<number> {
  const { databases } = await sql.one<{ databases: number }>(
    `select coalesce(sum(jsonb_array_length(applied_spec -> 'databases')), 0)::int as databases
     from projects where repository = $1 and applied_spec is not null`,
    [repository],
  );
  return databases;
}
