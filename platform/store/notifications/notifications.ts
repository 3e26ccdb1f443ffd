import { notify, type Sql } from "../../sql/index.ts";

/** Payload: nothing. There is something to tell. */
export const notificationsChanged = "nebula_notifications";

export type NotificationRow = {
  /** Made of what it says: the same however often it is said. */
  readonly id: string;
  readonly tenant: string;
  readonly project: string | null;
  /** `<topic>.<what happened>`. */
  readonly kind: string;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
};

const columns = "id, tenant, project, kind, at, data";

/** In the transaction of what it says. Whether it was new. */
export async function putNotification(sql: Sql, row: NotificationRow): Promise<boolean> {
  const made = await sql.query(
    `insert into notifications (${columns}) values ($1, $2, $3, $4, $5, $6::jsonb) on conflict (id) do nothing returning seq`,
    [row.id, row.tenant, row.project, row.kind, row.at, JSON.stringify(row.data)],
  );
  if (made.length > 0) await notify(sql, notificationsChanged);
  return made.length > 0;
}

/** Of which no messages were made yet; locked until the transaction ends. */
export const notSpread = (tx: Sql, limit: number): Promise<readonly NotificationRow[]> =>
  tx.query<NotificationRow>(
    `select ${columns} from notifications where spread_at is null order by seq limit $1 for update skip locked`,
    [limit],
  );

export async function markSpread(
  tx: Sql,
  { id, tenant }: Pick<NotificationRow, "id" | "tenant">,
  channels: readonly string[],
  at: Date,
): Promise<void> {
  await tx.query(
    `insert into notification_messages (notification, channel, tenant, made_at, due_at)
     select $1, channel, $2, $4, $4 from unnest($3::text[]) as channel on conflict do nothing`,
    [id, tenant, channels, at],
  );
  await tx.query("update notifications set spread_at = $2 where id = $1", [id, at]);
}

export type ListedNotification = NotificationRow & {
  readonly seq: number;
  readonly messages: readonly {
    readonly channel: string;
    readonly state: string;
    readonly attempts: number;
    readonly status: number | null;
    readonly error: string | null;
  }[];
};

/** Newest first. `projects` null: all of the tenant. */
export const listNotifications = (
  sql: Sql,
  {
    tenant,
    projects,
    state,
  }: { readonly tenant: string; readonly projects: readonly string[] | null; readonly state?: string },
  { beforeSeq, limit }: { readonly beforeSeq: number | null; readonly limit: number },
): Promise<readonly ListedNotification[]> =>
  sql.query<ListedNotification>(
    `select n.seq, n.id, n.tenant, n.project, n.kind, n.at, n.data,
       coalesce((select jsonb_agg(jsonb_build_object('channel', m.channel, 'state', m.state, 'attempts', m.attempts,
         'status', m.status, 'error', m.error) order by m.channel)
         from notification_messages m where m.notification = n.id), '[]') as messages
     from notifications n
     where n.tenant = $1 and ($2::text[] is null or n.project = any($2)) and ($3::bigint is null or n.seq < $3)
       and ($5::text is null or exists (select from notification_messages m where m.notification = n.id and m.state = $5))
     order by n.seq desc limit $4`,
    [tenant, projects, beforeSeq, limit, state ?? null],
  );

/** What is older than that and waits for nobody. How many. */
export async function pruneNotifications(sql: Sql, before: Date): Promise<number> {
  const gone = await sql.query(
    `delete from notifications n where at < $1 and spread_at is not null
       and not exists (select from notification_messages m where m.notification = n.id and m.state = 'waiting') returning seq`,
    [before],
  );
  return gone.length;
}
