import type { Sql } from "../../sql/index.ts";

/** What caused usage: the operations that brought a commit about, and the pull requests that asked for it. */
export type CausedBy = {
  readonly commit: string;
  readonly operation: string | null;
  readonly type: string | null;
  readonly state: string | null;
  readonly requestedBy: string | null;
  readonly finishedAt: Date | null;
  readonly pull: {
    readonly repository: string;
    readonly number: number;
    readonly author: string;
    readonly mergeCommit: string | null;
    /** RFC 3339, as it comes out of JSON. */
    readonly mergedAt: string | null;
  } | null;
};

/** By commit, oldest operation first. A commit that no operation of the stack knows has one row that says so. */
export const causesOf = (sql: Sql, stack: string, commits: readonly string[]): Promise<readonly CausedBy[]> =>
  sql.query<CausedBy>(
    `select c.commit, o.id as operation, o.type, o.state, o.requested_by as "requestedBy", o.finished_at as "finishedAt",
       case when p.number is null then null else json_build_object('repository', p.repository, 'number', p.number,
         'author', p.requested_by, 'mergeCommit', p.merge_commit, 'mergedAt', p.merged_at) end as pull
     from unnest($2::text[]) as c (commit)
     left join operations o on o.commit = c.commit and o.stack = $1 and o.type in ('DEPLOY', 'MIGRATE', 'RESTORE')
     left join projects s on s.stack = $1
     left join lateral (
       select * from pulls where (deployed_commit = c.commit or merge_commit = c.commit or number = o.pull_number)
         and (s.repository is null or repository = s.repository)
       order by (number = o.pull_number) desc nulls last, number desc limit 1) p on true
     order by c.commit, o.created_at, o.id`,
    [stack, commits],
  );
