import type { Sql } from "../../sql/index.ts";
import { type RepositoryRow, repositoryColumns } from "./repository.ts";

/** Notes which webhook of the host's is ours and where it leads; both null: none is wanted. */
export async function putHook(
  sql: Sql,
  id: string,
  { hookId, hookUrl }: Pick<RepositoryRow, "hookId" | "hookUrl">,
): Promise<void> {
  await sql.query("update repositories set hook_id = $2, hook_url = $3 where id = $1", [id, hookId, hookUrl]);
}

/**
 * A new secret of the webhook; the one before stays good. While an earlier rotation waits for its host nothing is changed: the
 * answer's secret is the one that the host must be told.
 */
export const beginHookRotation = (sql: Sql, id: string, sealed: string): Promise<RepositoryRow> =>
  sql.tx(async (tx) => {
    await tx.query(
      `update repositories set hook_secret_old_sealed = hook_secret_sealed, hook_secret_old_until = null,
         hook_secret_sealed = $2
       where id = $1 and (hook_secret_old_sealed is null or hook_secret_old_until is not null)`,
      [id, sealed],
    );
    return tx.one<RepositoryRow>(`select ${repositoryColumns} from repositories where id = $1`, [id]);
  });

/** The host signs with the new secret from now on; what it signed before may still be on its way for so long. */
export async function endHookRotation(sql: Sql, id: string, overlapSeconds: number): Promise<Date | null> {
  const row = await sql.maybe<{ until: Date }>(
    `update repositories set hook_secret_old_until = clock_timestamp() + make_interval(secs => $2)
     where id = $1 and hook_secret_old_sealed is not null and hook_secret_old_until is null
     returning hook_secret_old_until as until`,
    [id, overlapSeconds],
  );
  return row?.until ?? null;
}
