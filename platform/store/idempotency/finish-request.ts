import type { Sql } from "../../sql/index.ts";
import type { StoredAnswer } from "./begin-request.ts";

/** Keeps the answer, so that the same request gets it again. */
export async function finishRequest(sql: Sql, principal: string, key: string, answer: StoredAnswer): Promise<void> {
  await sql.query(
    `update idempotency_keys set status = $3, headers = $4::jsonb, body = $5::jsonb where principal = $1 and key = $2`,
    [principal, key, answer.status, JSON.stringify(answer.headers), JSON.stringify(answer.body)],
  );
}

/** Gives the key back: the request failed and changed nothing, so it may be tried again. */
export async function forgetRequest(sql: Sql, principal: string, key: string): Promise<void> {
  await sql.query("delete from idempotency_keys where principal = $1 and key = $2 and status is null", [
    principal,
    key,
  ]);
}

/** Keys older than a day are forgotten. Returns how many. */
export async function expireRequests(sql: Sql): Promise<number> {
  const rows = await sql.query(
    "delete from idempotency_keys where created_at < now() - interval '24 hours' returning 1 as gone",
  );
  return rows.length;
}
