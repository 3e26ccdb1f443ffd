import type { Sql } from "../../../platform/sql/index.ts";

export type Hook = {
  readonly id: number;
  readonly repository: number | null;
  readonly app: number | null;
  readonly url: string;
  readonly contentType: "json" | "form";
  readonly secretSealed: string | null;
  readonly insecureSsl: boolean;
  readonly events: readonly string[];
  readonly active: boolean;
  readonly lastCode: number | null;
  readonly lastStatus: string;
  readonly lastMessage: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};
export type HookSettings = Pick<Hook, "url" | "contentType" | "secretSealed" | "insecureSsl" | "events" | "active">;

const columns = `id, repository, app, url, content_type as "contentType", secret_sealed as "secretSealed",
  insecure_ssl as "insecureSsl", events, active, last_code as "lastCode", last_status as "lastStatus",
  last_message as "lastMessage", created_at as "createdAt", updated_at as "updatedAt"`;

const values = (s: HookSettings, at: Date) => [
  s.url,
  s.contentType,
  s.secretSealed,
  s.insecureSsl,
  s.events,
  s.active,
  at,
];

export const listHooks = (sql: Sql, repository: number) =>
  sql.query<Hook>(`select ${columns} from hooks where repository = $1 order by id`, [repository]);

export const findHook = (sql: Sql, repository: number, id: number) =>
  sql.maybe<Hook>(`select ${columns} from hooks where repository = $1 and id = $2`, [repository, id]);

export const findAppHook = (sql: Sql, app: number) =>
  sql.maybe<Hook>(`select ${columns} from hooks where app = $1`, [app]);

export const insertHook = (
  sql: Sql,
  of: { repository: number | null; app: number | null },
  settings: HookSettings,
  at: Date,
) =>
  sql.one<Hook>(
    `insert into hooks (url, content_type, secret_sealed, insecure_ssl, events, active, created_at, updated_at, repository, app)
     values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9) returning ${columns}`,
    [...values(settings, at), of.repository, of.app],
  );

export const updateHook = (sql: Sql, id: number, settings: HookSettings, at: Date) =>
  sql.one<Hook>(
    `update hooks set url = $1, content_type = $2, secret_sealed = $3, insecure_ssl = $4, events = $5, active = $6,
       updated_at = $7 where id = $8 returning ${columns}`,
    [...values(settings, at), id],
  );

export async function deleteHook(sql: Sql, id: number): Promise<void> {
  await sql.query("delete from hooks where id = $1", [id]);
}

/** Who wants an event of a repository: its own hooks, and those of the apps installed on its owner. */
export type Subscriber = { readonly hook: number; readonly app: number | null; readonly installation: number | null };
export const findSubscribers = (sql: Sql, repository: { id: number; owner: { id: number } }, event: string) =>
  sql.query<Subscriber>(
    `select h.id as hook, h.app, i.id as installation
     from hooks h left join installations i on i.app = h.app and i.account = $2
     where h.active and (h.repository = $1 or i.id is not null) and ($3 = any (h.events) or '*' = any (h.events))
     order by h.id`,
    [repository.id, repository.owner.id, event],
  );
