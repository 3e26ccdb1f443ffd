import type { Sql } from "../../sql/index.ts";
import { type User, userColumns } from "../users/user.ts";
import { isAlive, type Session, sessionColumns } from "./session.ts";

export type LiveSession = { readonly session: Session; readonly user: User };

/** The session and its user, while it is alive and the user is not disabled. */
export async function findLiveSession(sql: Sql, id: string): Promise<LiveSession | undefined> {
  const session = await sql.maybe<Session>(`select ${sessionColumns} from sessions where id = $1 and ${isAlive}`, [id]);
  if (session === undefined) return undefined;
  const user = await sql.maybe<User>(`select ${userColumns} from users where id = $1 and disabled_at is null`, [
    session.userId,
  ]);
  return user === undefined ? undefined : { session, user };
}

/** A user's living sessions, the last used first. */
export const listSessions = (sql: Sql, userId: string): Promise<readonly Session[]> =>
  sql.query<Session>(
    `select ${sessionColumns} from sessions where user_id = $1 and ${isAlive} order by last_used_at desc, id limit 200`,
    [userId],
  );

/** Whether this account has signed in from this address in the last 30 days. */
export async function isKnownAddress(sql: Sql, email: string, address: string): Promise<boolean> {
  const { known } = await sql.one<{ known: boolean }>(
    `select exists (
       select 1 from sessions join users on users.id = sessions.user_id
       where users.email = $1 and sessions.address = $2 and sessions.created_at > now() - interval '30 days'
     ) as known`,
    [email, address],
  );
  return known;
}

/** Notes that a session was used, at most once a minute. */
export async function touchSession(sql: Sql, id: string): Promise<void> {
  await sql.query(
    "update sessions set last_used_at = now() where id = $1 and last_used_at < now() - interval '1 minute'",
    [id],
  );
}
