import type { Sql } from "../../sql/index.ts";
import { isAlive, type Session, sessionColumns } from "./session.ts";

export type RefreshToken = {
  readonly id: string;
  readonly sessionId: string;
  readonly secretHash: Buffer;
  readonly usedAt: Date | null;
  /** By the database's clock; null while unused. */
  readonly usedSecondsAgo: number | null;
  readonly successor: string | null;
};

const columns = `id, session_id as "sessionId", secret_hash as "secretHash", used_at as "usedAt", successor,
  extract(epoch from clock_timestamp() - used_at)::float8 as "usedSecondsAgo"`;

export const findRefreshToken = (sql: Sql, id: string): Promise<RefreshToken | undefined> =>
  sql.maybe<RefreshToken>(`select ${columns} from refresh_tokens where id = $1`, [id]);

/** The token's session when alive, locked until the transaction ends: its tokens are exchanged one after the other. */
export const lockSession = (sql: Sql, id: string): Promise<Session | undefined> =>
  sql.maybe<Session>(
    `select ${sessionColumns} from sessions where id = $1 and ${isAlive}
       and exists (select 1 from users where users.id = sessions.user_id and users.disabled_at is null)
     for update`,
    [id],
  );

export async function insertRefreshToken(
  sql: Sql,
  token: Pick<RefreshToken, "id" | "sessionId" | "secretHash">,
): Promise<void> {
  await sql.query("insert into refresh_tokens (id, session_id, secret_hash) values ($1, $2, $3)", [
    token.id,
    token.sessionId,
    token.secretHash,
  ]);
}

/** Uses a token up and pushes its session's idle expiry back. */
export async function useRefreshToken(
  sql: Sql,
  { id, sessionId }: Pick<RefreshToken, "id" | "sessionId">,
  successor: string,
  { idleSeconds, address, userAgent }: { idleSeconds: number; address: string | null; userAgent: string | null },
): Promise<void> {
  await sql.query("update refresh_tokens set used_at = clock_timestamp(), successor = $2 where id = $1", [
    id,
    successor,
  ]);
  await sql.query(
    `update sessions set last_used_at = now(), idle_expires_at = now() + make_interval(secs => $2),
       address = $3, user_agent = $4
     where id = $1`,
    [sessionId, idleSeconds, address, userAgent],
  );
}
