import { isProvedDead } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { expireLease, listLiveLeases } from "../../platform/store/index.ts";

/** Lets the leases of holders that are proved dead run out now instead of in 15 s. How many. */
export async function expireDeadHolders(sql: Sql): Promise<number> {
  let expired = 0;
  for (const lease of await listLiveLeases(sql))
    if (isProvedDead(lease.holder) && (await expireLease(sql, lease))) expired++;
  return expired;
}
