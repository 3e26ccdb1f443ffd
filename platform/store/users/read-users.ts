import type { Sql } from "../../sql/index.ts";
import { type User, userColumns } from "./user.ts";

export const findUser = (sql: Sql, id: string): Promise<User | undefined> =>
  sql.maybe<User>(`select ${userColumns} from users where id = $1`, [id]);

/** `email` must be lower-case, as stored. */
export const findUserByEmail = (sql: Sql, email: string): Promise<User | undefined> =>
  sql.maybe<User>(`select ${userColumns} from users where email = $1`, [email]);

/** `tenant`: whose program it is; null for a person. */
export type ListedUser = User & { readonly tenant: string | null };

/** By e-mail; service accounts, which have none, last. */
export const listUsers = (
  sql: Sql,
  { afterKey, limit }: { readonly afterKey: string | null; readonly limit: number },
): Promise<readonly ListedUser[]> =>
  sql.query<ListedUser>(
    `select ${userColumns}, service_accounts.tenant from users left join service_accounts on service_accounts.id = users.id
     where $1::text is null or (coalesce(email, '~') || ' ' || users.id) collate "C" > $1 collate "C"
     order by (coalesce(email, '~') || ' ' || users.id) collate "C" limit $2`,
    [afterKey, limit],
  );

/** What `listUsers` goes on after. */
export const userKey = (user: User): string => `${user.email ?? "~"} ${user.id}`;

/** Whether somebody can administer the platform with an account, not only with the first token. */
export async function hasAdministrator(sql: Sql): Promise<boolean> {
  const { there } = await sql.one<{ there: boolean }>(
    "select exists (select 1 from users where platform_admin and kind = 'person' and disabled_at is null) as there",
  );
  return there;
}
