import type { Sql } from "../../sql/index.ts";

/** The operation that holds a stack now; undefined when none does. */
export async function operationOf(sql: Sql, stack: string): Promise<string | undefined> {
  const row = await sql.maybe<{ operation: string | null }>("select operation from stacks where stack = $1", [stack]);
  return row?.operation ?? undefined;
}
