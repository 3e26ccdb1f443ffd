import type { ComputeDriver } from "../../platform/compute/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { forgetInstance, listPurgeable } from "../../platform/store/index.ts";

/** Deletes the final copies whose retention is over, then their rows; repeated after a kill in between. Their ids. */
export async function purgeFinalCopies(sql: Sql, driver: Pick<ComputeDriver, "purge">): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const { id, placement } of await listPurgeable(sql)) {
    if (placement !== "local") continue;
    await driver.purge(id);
    if (await forgetInstance(sql, id)) gone.push(id);
  }
  return gone;
}
