import { notify, type Sql } from "../../sql/index.ts";

/** What is kept of a repository to notice that somebody took its safety away. */
export type RepositorySafety<Protection = unknown> = {
  /** Up to here the history was approved by hand. */
  readonly approvedCommit: string | null;
  /** The strongest protection of the default branch that was seen; null: none yet. */
  readonly protection: Protection | null;
};

export const getRepositorySafety = <Protection = unknown>(
  sql: Sql,
  id: string,
): Promise<RepositorySafety<Protection> | undefined> =>
  sql.maybe<RepositorySafety<Protection>>(
    `select approved_commit as "approvedCommit", protection from repositories where id = $1`,
    [id],
  );

export async function recordProtection(sql: Sql, id: string, protection: unknown): Promise<void> {
  await sql.query("update repositories set protection = $2::jsonb where id = $1", [id, JSON.stringify(protection)]);
}

/** Accepts the protection that is there now: the next look records it. */
export async function approveProtection(sql: Sql, id: string): Promise<void> {
  await sql.query(
    "update repositories set protection = null, stalled_code = null, stalled_reason = null where id = $1",
    [id],
  );
  await notify(sql, "nebula_pulls", `${id}:protection`);
}

/** What stalled it with this code is over. */
export async function clearStall(sql: Sql, id: string, code: string): Promise<void> {
  await sql.query(
    "update repositories set stalled_code = null, stalled_reason = null where id = $1 and stalled_code = $2",
    [id, code],
  );
}
