import { newId } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { type Session, sessionColumns } from "./session.ts";

export type NewSession = Pick<Session, "userId" | "amr" | "address" | "userAgent"> & {
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
};

export const insertSession = (sql: Sql, session: NewSession): Promise<Session> =>
  sql.one<Session>(
    `insert into sessions (id, user_id, amr, address, user_agent, idle_expires_at, expires_at)
     values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), now() + make_interval(secs => $7))
     returning ${sessionColumns}`,
    [
      newId("ses"),
      session.userId,
      session.amr,
      session.address,
      session.userAgent,
      session.idleSeconds,
      session.absoluteSeconds,
    ],
  );
