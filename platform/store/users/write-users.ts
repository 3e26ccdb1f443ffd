import { newId } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { type User, userColumns } from "./user.ts";

export type NewUser = Pick<User, "email" | "name" | "passwordHash" | "platformAdmin"> & {
  readonly kind?: User["kind"];
  readonly emailVerified: boolean;
};

/** undefined when the e-mail has an account already. */
export const insertUser = (sql: Sql, user: NewUser): Promise<User | undefined> =>
  sql.maybe<User>(
    `insert into users (id, kind, email, name, password_hash, email_verified_at, platform_admin)
     values ($1, $2, $3, $4, $5, case when $6 then now() end, $7)
     on conflict (email) do nothing
     returning ${userColumns}`,
    [
      newId("usr"),
      user.kind ?? "person",
      user.email,
      user.name,
      user.passwordHash,
      user.emailVerified,
      user.platformAdmin,
    ],
  );

export async function setPassword(sql: Sql, id: string, passwordHash: string): Promise<void> {
  await sql.query("update users set password_hash = $2 where id = $1", [id, passwordHash]);
}

/** The same password under newer parameters; nothing when somebody changed the password meanwhile. */
export async function rehashPassword(sql: Sql, id: string, before: string, after: string): Promise<void> {
  await sql.query("update users set password_hash = $3 where id = $1 and password_hash = $2", [id, before, after]);
}

/** The user as it is afterwards; undefined when there is none. */
export const setDisabled = (sql: Sql, id: string, disabled: boolean): Promise<User | undefined> =>
  sql.maybe<User>(
    `update users set disabled_at = case when $2 then coalesce(disabled_at, now()) end where id = $1
     returning ${userColumns}`,
    [id, disabled],
  );
