import type { Sql } from "../../sql/index.ts";

/**
 * What a tenant has asked for and what is not done yet, pull requests that wait for a person included. Deployments do not count: a
 * newer one takes the place of those that wait, so there are never more than two a project.
 */
export async function countOpenOperations(sql: Sql, tenant: string): Promise<number> {
  const { open } = await sql.one<{ open: number }>(
    `select count(*)::int as open from operations
     where split_part(stack, '.', 1) = $1 and state in ('QUEUED', 'IN_PROGRESS') and type not in ('DEPLOY', 'DESTROY')`,
    [tenant],
  );
  return open;
}
