import type { Sql } from "../../sql/index.ts";

/** A key pair on somebody's device; we hold the public half. */
export type Passkey = {
  /** base64url, as WebAuthn gives it. */
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly publicKey: Buffer;
  /** Of its uses, as far as the device counts them; 0: it does not. */
  readonly counter: number;
  readonly transports: readonly string[];
  /** The owner has it on several devices. */
  readonly backedUp: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
};

const columns = `credential_id as id, user_id as "userId", name, public_key as "publicKey", counter, transports,
  backed_up as "backedUp", created_at as "createdAt", last_used_at as "lastUsedAt"`;

export const listPasskeys = (sql: Sql, userId: string): Promise<readonly Passkey[]> =>
  sql.query<Passkey>(`select ${columns} from passkeys where user_id = $1 order by created_at, credential_id`, [userId]);

export const findPasskey = (sql: Sql, id: string): Promise<Passkey | undefined> =>
  sql.maybe<Passkey>(`select ${columns} from passkeys where credential_id = $1`, [id]);

/** undefined when there is one with this id already. */
export const insertPasskey = (
  sql: Sql,
  passkey: Omit<Passkey, "createdAt" | "lastUsedAt">,
): Promise<Passkey | undefined> =>
  sql.maybe<Passkey>(
    `insert into passkeys (credential_id, user_id, name, public_key, counter, transports, backed_up)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (credential_id) do nothing returning ${columns}`,
    [
      passkey.id,
      passkey.userId,
      passkey.name,
      passkey.publicKey,
      passkey.counter,
      [...passkey.transports],
      passkey.backedUp,
    ],
  );

/** Whether the counter went on: a device that counts and does not get further is a copy. Of two uses at once one is late. */
export async function usePasskey(sql: Sql, id: string, counter: number, backedUp: boolean): Promise<boolean> {
  const rows = await sql.query(
    `update passkeys set counter = $2, backed_up = $3, last_used_at = now()
     where credential_id = $1 and (counter < $2 or (counter = 0 and $2 = 0)) returning 1`,
    [id, counter, backedUp],
  );
  return rows.length > 0;
}

export const renamePasskey = (sql: Sql, id: string, userId: string, name: string): Promise<Passkey | undefined> =>
  sql.maybe<Passkey>(`update passkeys set name = $3 where credential_id = $1 and user_id = $2 returning ${columns}`, [
    id,
    userId,
    name,
  ]);

/** Whether it was this user's. */
export async function removePasskey(sql: Sql, id: string, userId: string): Promise<boolean> {
  const rows = await sql.query("delete from passkeys where credential_id = $1 and user_id = $2 returning 1", [
    id,
    userId,
  ]);
  return rows.length > 0;
}
