/**
 * PostgREST's dialect over one database: request -> plan -> query -> transaction -> response, and the cache of the schema that a request may
 * name. Knows no HTTP server, no key, no limit and nothing of waking: who asks is proved before (`RestSession`), connections are
 * lent.
 *
 * 1. Values reach Postgres as parameters only. Names reach SQL only when the schema cache has them; everything else is refused before.
 * 2. A request is one transaction with its role, claims and settings local to it.
 * 3. Two requests that differ in values only share one plan and one SQL text.
 * 4. Results are built as JSON (CSV, text) by Postgres and passed through.
 * 5. What a client did wrong is an answer in PostgREST's words; what throws is ours.
 */
export { type DataApi, type DataApiOptions, makeDataApi } from "./data-api.ts";
export { answerTooLarge, answerUnreadable, schemaUnreadable } from "./errors.ts";
export type { RefusalBody } from "./refusal.ts";
export type {
  AnyRelationship,
  Argument,
  Column,
  Relation,
  RelationKind,
  Routine,
  RoutineResult,
  Snapshot,
} from "./schema/types.ts";
export type {
  Lend,
  RelationFacts,
  RestConnection,
  RestFacts,
  RestRequest,
  RestResponse,
  RestSession,
  RestSettings,
} from "./types.ts";
