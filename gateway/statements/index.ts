/**
 * SQL over HTTP: what the portal's editor and `nebula sql` run in a database. Owns how a text becomes statements, their transaction, their
 * limits, pages, cancel and errors. Does not own who may (the portal says it in a token), history and saved queries (the portal), nor when
 * a database runs (gateway/keeper).
 *
 * 1. Who reads cannot write: a role without rights to, and a read-only transaction; nothing here that looks at the text is what holds it.
 * 2. A request has a connection of its own, which is closed after it.
 * 3. Rows, bytes, time, what runs at once and what is open are bounded for each user and each database.
 * 4. Text is parsed in a thread of its own: no text can stall the sessions that this process relays.
 */
export { type Connect, makeConnect } from "./connect.ts";
export { makeSqlDesk, type SqlDesk, type SqlDeskOptions, type SqlPage } from "./desk.ts";
export {
  cursorGone,
  sqlBadRequest,
  sqlConnectionLost,
  sqlLoginMissing,
  sqlNeedsWrite,
  sqlNotHere,
  sqlNotRead,
  sqlTokenRefused,
  sqlTooMany,
} from "./errors.ts";
export { makeSqlHttp, type SqlHttp, sqlLimits } from "./http.ts";
export { makeSqlTokens, type SqlTokenOptions, sqlTokenKind, type VerifySqlToken } from "./token.ts";
export type { Column, SqlAnswer, SqlCaller, SqlProblem, SqlRequest, SqlResult, SqlStatus } from "./types.ts";
