import type { Sql } from "../../sql/index.ts";

export type Exhausted = { readonly stack: string; readonly commit: string | null; readonly hash: string };

/**
 * Projects whose newest deployment used up its tries at least `quietSeconds` ago, and whose text still wants it: a full disk that
 * was emptied, a host that came back.
 */
export const listExhausted = (sql: Sql, repository: string, quietSeconds: number): Promise<readonly Exhausted[]> =>
  sql.query<Exhausted>(
    `select p.stack, p.wanted_commit as commit, p.wanted_hash as hash
     from projects p
     cross join lateral (
       select state, outcome, attempt, max_attempts, finished_at from operations o
       where o.stack = p.stack and o.type = 'DEPLOY' order by o.id desc limit 1) newest
     where p.repository = $1 and p.status = 'Stalled' and p.reason = 'Failed' and p.wanted_hash is not null
       and newest.state = 'FAILED' and newest.outcome = 'stalled' and newest.attempt >= newest.max_attempts
       and newest.finished_at < clock_timestamp() - make_interval(secs => $2)`,
    [repository, quietSeconds],
  );
