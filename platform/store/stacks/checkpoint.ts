import { quoteIdent, type Sql } from "../../sql/index.ts";
import { holdFence, showFence } from "./fence.ts";

/** The folder of a tenant's state inside the ledger, and the search path of who works there. */
export const stateSchema = (tenant: string): string => `state_${tenant.replaceAll("-", "_")}`;

const tableOf = (stack: string) => `${quoteIdent(stateSchema(tenantOf(stack)))}.pulumi_state`;
const tenantOf = (stack: string) => stack.split(".", 1)[0] ?? "";
const pathOf = (stack: string) => `stacks/nebuladb/${stack}.json`;

/** Makes the schema of a tenant's Pulumi state, once. */
export async function ensureState(sql: Sql, tenant: string): Promise<void> {
  await sql.query("select ensure_state($1)", [tenant]);
}

/** Pulumi's checkpoint of a stack as it writes it; undefined when the stack was never deployed. */
export async function readCheckpoint(sql: Sql, stack: string): Promise<string | undefined> {
  const row = await sql.maybe<{ text: string }>(
    `select state_text(data) as text from ${tableOf(stack)} where key = state_key($1)`,
    [pathOf(stack)],
  );
  return row?.text;
}

/** Writes a checkpoint under a fence. The guard refuses every fence but the newest. */
export const writeCheckpoint = (sql: Sql, stack: string, fence: number, text: string): Promise<void> =>
  sql.tx(async (tx) => {
    await showFence(tx, fence);
    await tx.query(
      `insert into ${tableOf(stack)} (key, data) values (state_key($1), $2::json)
       on conflict (key) do update set data = excluded.data, updated_at = now()`,
      [pathOf(stack), JSON.stringify({ data: Buffer.from(text).toString("base64") })],
    );
  });

/** Forgets all but the newest updates in Pulumi's history of a stack: it keeps the whole state of each, for ever. */
export const pruneHistory = (sql: Sql, stack: string, fence: number, keepUpdates = 20): Promise<void> =>
  sql.tx(async (tx) => {
    await holdFence(tx, stack, fence);
    await tx.query("select prune_history($1, $2)", [stack, keepUpdates * 2]);
  });
