import { notify, type Sql } from "../../sql/index.ts";

/** Everything up to this commit is understood and queued; whatever stalled the repository is over. */
export async function markSeen(sql: Sql, id: string, commit: string): Promise<void> {
  await sql.query(
    `update repositories set seen_commit = $2, seen_at = clock_timestamp(), stalled_code = null, stalled_reason = null
     where id = $1`,
    [id, commit],
  );
}

/** Nothing is queued from this repository until the reason is gone or approved. True when it was not known before. */
export async function stallRepository(
  sql: Sql,
  id: string,
  stall: { readonly code: string; readonly reason: string; readonly commit?: string },
): Promise<boolean> {
  const rows = await sql.query(
    `update repositories set stalled_code = $2, stalled_reason = $3, stalled_commit = $4, seen_at = clock_timestamp()
     where id = $1 and (stalled_code, stalled_reason, stalled_commit) is distinct from ($2, $3, $4) returning id`,
    [id, stall.code, stall.reason, stall.commit ?? null],
  );
  return rows.length > 0;
}

/**
 * Accepts the history that is there now: the next pass starts as with a new repository, compares content, and deletes
 * nothing that is not declared away. What came after the commit that it was stalled at has to be reviewed. Wakes whoever
 * follows the repository (channel `nebula_pulls`).
 */
export async function approveHistory(sql: Sql, id: string): Promise<void> {
  await sql.query(
    `update repositories set seen_commit = null, approved_commit = stalled_commit, stalled_code = null,
       stalled_reason = null, stalled_commit = null
     where id = $1`,
    [id],
  );
  await notify(sql, "nebula_pulls", `${id}:history`);
}
