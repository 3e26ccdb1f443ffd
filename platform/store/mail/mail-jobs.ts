import { newId } from "../../core/index.ts";
import { notify, type Sql } from "../../sql/index.ts";

/** Payload: nothing. Somebody may have something to send. */
export const mailQueued = "mail_queued";

export type MailJob = {
  readonly id: string;
  readonly kind: string;
  readonly email: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly attempts: number;
};

export async function queueMail(
  sql: Sql,
  { kind, email, params = {} }: Pick<MailJob, "kind" | "email"> & { readonly params?: MailJob["params"] },
): Promise<void> {
  await sql.query("insert into mail_jobs (id, kind, email, params) values ($1, $2, $3, $4::jsonb)", [
    newId("mail"),
    kind,
    email,
    JSON.stringify(params),
  ]);
  await notify(sql, mailQueued);
}

/** The next due job, locked until the transaction ends: no second process sends it meanwhile. */
export const claimMail = (tx: Sql): Promise<MailJob | undefined> =>
  tx.maybe<MailJob>(
    `select id, kind, email, params, attempts from mail_jobs where run_after <= now()
     order by run_after, id limit 1 for update skip locked`,
  );

export async function finishMail(sql: Sql, id: string): Promise<void> {
  await sql.query("delete from mail_jobs where id = $1", [id]);
}

/** Puts it off: 1, 2, 4... minutes. False when it is a day old and given up. */
export async function postponeMail(sql: Sql, id: string): Promise<boolean> {
  const rows = await sql.query(
    `update mail_jobs set attempts = attempts + 1,
       run_after = now() + least(power(2, attempts), 60) * interval '1 minute'
     where id = $1 and created_at > now() - interval '1 day' returning id`,
    [id],
  );
  if (rows.length === 0) await finishMail(sql, id);
  return rows.length > 0;
}
