import { notify, type Sql } from "../../sql/index.ts";
import type { EndReason } from "./session.ts";

/** Payload: the id of the session or of the user whose sessions ended. A hint: every process asks again by itself too. */
export const sessionsEnded = "sessions_ended";

/** Whether it was alive. `userId` guards that nobody ends a stranger's. */
export async function endSession(sql: Sql, id: string, userId: string, reason: EndReason): Promise<boolean> {
  const rows = await sql.query(
    `update sessions set ended_at = now(), ended_reason = $3
     where id = $1 and user_id = $2 and ended_at is null returning id`,
    [id, userId, reason],
  );
  if (rows.length > 0) await notify(sql, sessionsEnded, id);
  return rows.length > 0;
}

/** Ends all of a user's sessions but `except`; how many. */
export async function endSessions(
  sql: Sql,
  userId: string,
  reason: EndReason,
  except: string | null = null,
): Promise<number> {
  const rows = await sql.query(
    `update sessions set ended_at = now(), ended_reason = $2
     where user_id = $1 and ended_at is null and id is distinct from $3 returning id`,
    [userId, reason, except],
  );
  await notify(sql, sessionsEnded, userId);
  return rows.length;
}
