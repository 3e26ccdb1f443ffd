import type { Sql } from "../../sql/index.ts";
import { type User, userColumns } from "./user.ts";

export type LinkedIdentity = { readonly provider: string; readonly subject: string };

/** The accounts elsewhere that sign in as a user. */
export const listLinkedIdentities = (sql: Sql, userId: string): Promise<readonly LinkedIdentity[]> =>
  sql.query<LinkedIdentity>(
    "select provider, subject from user_identities where user_id = $1 order by provider, subject",
    [userId],
  );

/** As their owner sees them. */
export type OwnIdentity = LinkedIdentity & {
  readonly login: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
};

export const listOwnIdentities = (sql: Sql, userId: string): Promise<readonly OwnIdentity[]> =>
  sql.query<OwnIdentity>(
    `select provider, subject, login, created_at as "createdAt", last_used_at as "lastUsedAt"
     from user_identities where user_id = $1 order by provider, subject`,
    [userId],
  );

/** Whose it is, also of a disabled account; the use is noted, and under which login the provider shows it now. */
export const useIdentity = (
  sql: Sql,
  { provider, subject, login }: LinkedIdentity & { readonly login: string | null },
): Promise<User | undefined> =>
  sql.maybe<User>(
    `with used as (
       update user_identities set last_used_at = now(), login = coalesce($3, login)
       where provider = $1 and subject = $2 returning user_id
     ) select ${userColumns} from users join used on used.user_id = users.id`,
    [provider, subject, login],
  );

/** The account it belongs to afterwards: the given one, unless it was another's already. */
export async function linkIdentity(
  sql: Sql,
  userId: string,
  { provider, subject, login }: LinkedIdentity & { readonly login: string | null },
): Promise<string> {
  const { owner } = await sql.one<{ owner: string }>(
    `insert into user_identities as i (provider, subject, user_id, login) values ($1, $2, $3, $4)
     on conflict (provider, subject) do update set login = coalesce(i.login, excluded.login)
     returning user_id as owner`,
    [provider, subject, userId, login],
  );
  return owner;
}

/** Whether it was this user's. */
export async function unlinkIdentity(
  sql: Sql,
  userId: string,
  { provider, subject }: LinkedIdentity,
): Promise<boolean> {
  const rows = await sql.query(
    "delete from user_identities where provider = $1 and subject = $2 and user_id = $3 returning 1",
    [provider, subject, userId],
  );
  return rows.length > 0;
}

/** In how many ways an account can be signed in to. Locks its row: of two removals at once the second counts what is left. */
export async function countWaysIn(sql: Sql, userId: string): Promise<number> {
  await sql.query("select 1 from users where id = $1 for update", [userId]);
  const { ways } = await sql.one<{ ways: number }>(
    `select (select count(*) from users where id = $1 and password_hash is not null)
          + (select count(*) from user_identities where user_id = $1)
          + (select count(*) from passkeys where user_id = $1) as ways`,
    [userId],
  );
  return ways;
}
