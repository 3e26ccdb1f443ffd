import type { Sql } from "../../../platform/sql/index.ts";
import type { Permissions } from "../http/caller.ts";

export type App = {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
  readonly ownerId: number;
  readonly botId: number;
  readonly publicKey: string;
  readonly permissions: Permissions;
  readonly events: readonly string[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

export type Installation = {
  readonly id: number;
  readonly app: number;
  readonly accountId: number;
  readonly createdAt: Date;
};

const columns = `id, slug, name, owner as "ownerId", bot as "botId", public_key as "publicKey", permissions, events,
  created_at as "createdAt", updated_at as "updatedAt"`;
const installed = `id, app, account as "accountId", created_at as "createdAt"`;

export const findApp = (sql: Sql, id: number) => sql.maybe<App>(`select ${columns} from apps where id = $1`, [id]);
export const findAppBySlug = (sql: Sql, slug: string) =>
  sql.maybe<App>(`select ${columns} from apps where slug = $1`, [slug]);

export async function readApps(sql: Sql, ids: readonly (number | null)[]): Promise<Map<number, App>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  if (wanted.length === 0) return new Map();
  const rows = await sql.query<App>(`select ${columns} from apps where id = any ($1::bigint[])`, [wanted]);
  return new Map(rows.map((row) => [row.id, row]));
}

export const insertApp = (sql: Sql, app: Omit<App, "id" | "updatedAt">) =>
  sql.one<App>(
    `insert into apps (slug, name, owner, bot, public_key, permissions, events, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $8) returning ${columns}`,
    [
      app.slug,
      app.name,
      app.ownerId,
      app.botId,
      app.publicKey,
      JSON.stringify(app.permissions),
      app.events,
      app.createdAt,
    ],
  );

export const updateApp = (
  sql: Sql,
  id: number,
  changes: { publicKey: string; permissions: Permissions; events: readonly string[]; at: Date },
) =>
  sql.one<App>(
    `update apps set public_key = $2, permissions = $3, events = $4, updated_at = $5 where id = $1 returning ${columns}`,
    [id, changes.publicKey, JSON.stringify(changes.permissions), changes.events, changes.at],
  );

export async function ensureInstallation(sql: Sql, app: number, account: number, at: Date): Promise<Installation> {
  await sql.query("insert into installations (app, account, created_at) values ($1, $2, $3) on conflict do nothing", [
    app,
    account,
    at,
  ]);
  return sql.one<Installation>(`select ${installed} from installations where app = $1 and account = $2`, [
    app,
    account,
  ]);
}

export const listInstallations = (sql: Sql, app: number) =>
  sql.query<Installation>(`select ${installed} from installations where app = $1 order by id`, [app]);
