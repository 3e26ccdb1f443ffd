import type { Sql } from "../../../platform/sql/index.ts";

export type Account = {
  readonly id: number;
  readonly login: string;
  readonly type: "User" | "Organization" | "Bot";
  readonly name: string | null;
  readonly email: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

const columns = `id, login, type, name, email, created_at as "createdAt", updated_at as "updatedAt"`;

export const findAccount = (sql: Sql, login: string) =>
  sql.maybe<Account>(`select ${columns} from accounts where lower(login) = lower($1)`, [login]);

/** Inserts, or returns what has that login already. */
export async function ensureAccount(
  sql: Sql,
  wanted: { login: string; type: Account["type"]; name?: string | null; email?: string; at: Date },
): Promise<Account> {
  const { login, type, name = null, email = `${login}@users.noreply.localhost`, at } = wanted;
  await sql.query(
    `insert into accounts (login, type, name, email, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)
     on conflict do nothing`,
    [login, type, name, email, at],
  );
  return sql.one<Account>(`select ${columns} from accounts where lower(login) = lower($1)`, [login]);
}

/** By id, for the wire forms that name several accounts. */
export async function readAccounts(sql: Sql, ids: readonly (number | null)[]): Promise<Map<number, Account>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  if (wanted.length === 0) return new Map();
  const rows = await sql.query<Account>(`select ${columns} from accounts where id = any ($1::bigint[])`, [wanted]);
  return new Map(rows.map((row) => [row.id, row]));
}

/** Whose commits are these: by the e-mail address in lower case. */
export async function readAuthors(sql: Sql, emails: readonly string[]): Promise<Map<string, Account>> {
  const wanted = [...new Set(emails.map((email) => email.toLowerCase()))];
  if (wanted.length === 0) return new Map();
  const rows = await sql.query<Account>(`select ${columns} from accounts where lower(email) = any ($1::text[])`, [
    wanted,
  ]);
  return new Map(rows.map((row) => [row.email.toLowerCase(), row]));
}
