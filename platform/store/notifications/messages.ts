import { notify, type Sql } from "../../sql/index.ts";
import { type NotificationRow, notificationsChanged } from "./notifications.ts";

/** One notification to one channel. */
export type MessageRow = NotificationRow & {
  readonly channel: string;
  /** Those that were made. */
  readonly attempts: number;
  readonly madeAt: Date;
};

/**
 * What is due, oldest first, and nobody else's for as long as `claimMs`: whoever dies meanwhile leaves it due again. A channel has one
 * message at a time, so that what it is told comes in order.
 */
export const claimMessages = (
  sql: Sql,
  { now, claimMs, limit }: { readonly now: Date; readonly claimMs: number; readonly limit: number },
): Promise<readonly MessageRow[]> =>
  sql.query<MessageRow>(
    `with first as (
       select distinct on (m.tenant, m.channel) m.notification, m.channel, m.due_at
       from notification_messages m join notifications n on n.id = m.notification
       where m.state = 'waiting' order by m.tenant, m.channel, n.seq
     ), taken as (
       update notification_messages m set due_at = $1::timestamptz + $2 * interval '1 millisecond'
       where (m.notification, m.channel) in (select notification, channel from first where due_at <= $1 order by due_at limit $3)
         and m.state = 'waiting' and m.due_at <= $1
       returning m.notification, m.channel, m.attempts, m.made_at
     )
     select n.id, n.tenant, n.project, n.kind, n.at, n.data, t.channel, t.attempts, t.made_at as "madeAt"
     from taken t join notifications n on n.id = t.notification order by n.seq`,
    [now, claimMs, limit],
  );

export type Told =
  | { readonly state: "delivered" | "dead" | "dropped" }
  | { readonly state: "waiting"; readonly dueAt: Date };

/** What became of an attempt. */
export async function noteMessage(
  sql: Sql,
  { id, channel }: Pick<MessageRow, "id" | "channel">,
  told: Told & { readonly at: Date; readonly status: number | null; readonly error: string | null },
): Promise<void> {
  const isOver = told.state !== "waiting";
  await sql.query(
    `update notification_messages set state = $3, attempts = attempts + 1, status = $4, error = $5,
       due_at = coalesce($6::timestamptz, due_at), ended_at = $7
     where notification = $1 and channel = $2 and state = 'waiting'`,
    [id, channel, told.state, told.status, told.error, isOver ? null : told.dueAt, isOver ? told.at : null],
  );
}

/** What is dead is due again, with all its tries. How many. */
export async function replayMessages(
  sql: Sql,
  { tenant, notification, now }: { readonly tenant: string; readonly notification: string | null; readonly now: Date },
): Promise<number> {
  const again = await sql.query(
    `update notification_messages set state = 'waiting', attempts = 0, made_at = $3, due_at = $3, ended_at = null
     where tenant = $1 and state = 'dead' and ($2::text is null or notification = $2) returning channel`,
    [tenant, notification, now],
  );
  if (again.length > 0) await notify(sql, notificationsChanged);
  return again.length;
}
