import { defineError } from "../../core/index.ts";
import type { DatabaseSpec } from "../../spec/index.ts";
import { type Sql, sqlState } from "../../sql/index.ts";

export const quotaReached = defineError({
  code: "NEB628",
  status: 409,
  title: "The project's quota is reached",
  retry: false,
  hint: "Retire and remove what is not needed, or ask for a larger plan (tenants/fleet).",
});

/**
 * Asks for what a database is about to take, before a machine is touched; for the rest of the transaction nobody else in the project
 * grows. The review and the admission of a merge say the same of a whole text; this holds for whoever creates many at a time.
 * @throws NEB628
 */
export const admitQuota = (
  tx: Sql,
  { stack, id, spec }: { readonly stack: string; readonly id: string; readonly spec: DatabaseSpec },
): Promise<void> =>
  withinQuota(() => tx.query("select admit_quota($1, $2, $3::jsonb)", [stack, id, JSON.stringify(spec)])).then(
    () => undefined,
  );

/** The ledger refuses an instance beyond the quota, whoever writes it. @throws NEB628 */
export async function withinQuota<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (thrown) {
    if (sqlState(thrown) !== "53400") throw thrown;
    const message = thrown instanceof Error ? thrown.message.replace(/ \(SQLSTATE \w+\)$/, "") : "";
    throw quotaReached(message, { cause: thrown });
  }
}
