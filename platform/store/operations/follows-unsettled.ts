import type { Sql } from "../../sql/index.ts";
import type { Operation } from "./operation.ts";

/**
 * Whether the deployment before this one of its stack was begun and did not end well: then machines and Pulumi's state may each
 * be somewhere else than either says. One that was blocked touched nothing.
 */
export async function followsUnsettled(sql: Sql, { id, stack }: Pick<Operation, "id" | "stack">): Promise<boolean> {
  const { unsettled } = await sql.one<{ unsettled: boolean }>(
    `select coalesce((
       select state <> 'COMPLETED' from operations
       where stack = $1 and id < $2 and type in ('DEPLOY', 'DESTROY') and started_at is not null
         and outcome is distinct from 'blocked'
       order by id desc limit 1), false) as unsettled`,
    [stack, id],
  );
  return unsettled;
}
