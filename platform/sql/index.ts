/**
 * The only door to `pg`. Owns connections, transactions, how values cross, and the translation of Postgres's errors. Does not
 * know a table: those are platform/store's.
 *
 * 1. A statement's values travel as parameters; identifiers and the literals of DDL go through `quoteIdent`/`quoteLiteral`.
 * 2. Every failure leaves as a `NebulaError`; `sqlState` reads the five-letter code where somebody must know it.
 * 3. Inside `tx` everything runs on one connection, one statement after the other; a nested `tx` is a savepoint.
 * 4. A `tx` whose body swallowed a failed statement does not commit silently: it throws.
 * 5. A `Session` runs scripts: several prepared statements in one round trip, text in and text out. What the server refuses is a value
 *    there, because its borrower passes the server's own words on.
 * 6. Numbers that `Sql` parses are exact or refused: an int8 or numeric beyond 2^53 throws instead of being rounded.
 */
export { connectionUrl, connectOnce, socketAddress } from "./connect.ts";
export {
  authenticationRefused,
  isUnavailable,
  ledgerUnavailable,
  type ServerWords,
  serializationFailed,
  serverWords,
  sqlState,
  statementTimedOut,
  storageExhausted,
  uniqueConflict,
} from "./errors.ts";
export type { Listen } from "./listen.ts";
export type { Pool } from "./pool.ts";
export { makePool, notify } from "./pool.ts";
export { quoteIdent, quoteLiteral } from "./quote.ts";
export { clientKeyOf, makeVerifier, saltedAlike, verifies } from "./scram.ts";
export {
  openSession,
  type ScriptEnd,
  type ServerError,
  type Session,
  type SessionOptions,
  type Step,
  type StepResult,
} from "./session.ts";
export { makeSessionPool, noFreeSession, type SessionPool, type SessionPoolOptions } from "./session-pool.ts";
export { type Sql, toSql } from "./sql.ts";
export {
  type Field,
  openStatementSession,
  type Portion,
  type StatementEnd,
  type StatementError,
  type StatementNotice,
  type StatementRequest,
  type StatementSession,
} from "./statement-session.ts";
