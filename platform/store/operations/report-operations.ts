import type { Sql } from "../../sql/index.ts";
import { type Operation, operationColumns } from "./operation.ts";

/** Deployments of a repository's projects that ended and were not told to the Git host, oldest first. */
export const listUnreportedOperations = (sql: Sql, repository: string, limit = 100): Promise<readonly Operation[]> =>
  sql.query<Operation>(
    `select ${operationColumns} from operations o join projects p on p.stack = o.stack
     where p.repository = $1 and o.type in ('DEPLOY', 'DESTROY') and o.commit is not null and o.reported_at is null
       and o.state in ('COMPLETED', 'FAILED', 'CANCELLED')
     order by o.finished_at limit $2`,
    [repository, limit],
  );

/** Every deployment that a commit caused, by stack. */
export const listDeploysOfCommit = (sql: Sql, commit: string): Promise<readonly Operation[]> =>
  sql.query<Operation>(
    `select ${operationColumns} from operations o
     where o.commit = $1 and o.type in ('DEPLOY', 'DESTROY') order by o.stack, o.id`,
    [commit],
  );

/** The newest deployment of each of these stacks. */
export const listNewestDeploys = (sql: Sql, stacks: readonly string[]): Promise<readonly Operation[]> =>
  sql.query<Operation>(
    `select distinct on (o.stack) ${operationColumns} from operations o
     where o.stack = any($1) and o.type in ('DEPLOY', 'DESTROY') order by o.stack, o.id desc`,
    [stacks],
  );

export async function markOperationReported(sql: Sql, id: string): Promise<void> {
  await sql.query("update operations set reported_at = clock_timestamp() where id = $1", [id]);
}
