import type { Sql } from "../../sql/index.ts";

/**
 * Whether a deployment of this stack is queued, runs, or was started and did not complete since the last that did: then what
 * runs is not known to be what was applied last, and wanting exactly that needs a deployment too.
 */
export async function hasUnsettledDeploy(sql: Sql, stack: string): Promise<boolean> {
  const { unsettled } = await sql.one<{ unsettled: boolean }>(
    `select exists (
       select 1 from operations o
       where o.stack = $1 and o.type = 'DEPLOY' and o.state <> 'COMPLETED'
         and (o.started_at is not null or o.state = 'QUEUED')
         and o.id > coalesce((select max(c.id) from operations c
                              where c.stack = $1 and c.type = 'DEPLOY' and c.state = 'COMPLETED'), '')
     ) as unsettled`,
    [stack],
  );
  return unsettled;
}
