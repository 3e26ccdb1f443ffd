import type { Sql } from "../../sql/index.ts";

/**
 * Forgets a repository that declares nothing any more, with what was known of its pull requests. False when projects still belong
 * to it: then nothing is changed.
 */
export const removeRepository = (sql: Sql, id: string): Promise<boolean> =>
  sql.tx(async (tx) => {
    await tx.query("select from repositories where id = $1 for update", [id]);
    const { n } = await tx.one<{ n: number }>("select count(*) as n from projects where repository = $1", [id]);
    if (n > 0) return false;
    await tx.query("delete from fleets where repository = $1", [id]);
    await tx.query("delete from proposals where repository = $1", [id]);
    await tx.query("delete from pulls where repository = $1", [id]);
    await tx.query("delete from repositories where id = $1", [id]);
    return true;
  });
