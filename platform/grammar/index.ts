/**
 * The only door to Postgres's own grammar (libpg-query, the parser of PostgreSQL 18 as WebAssembly). Owns where statements begin and end,
 * what kind each is, where a mistake stands, and what in a text must not be kept. Decides nothing about who may run what.
 *
 * 1. A kind is what the text says, not what it does: `select f()` reads, whatever f does. Who must not write is held by the server
 *    (a read-only transaction and a role without rights), never by this room.
 * 2. Offsets count UTF-16 units of the text as it was given; lines and columns begin at 1.
 * 3. A text that would stall or exhaust the parser is refused as a mistake of the text. Who reads strangers' texts in a process that must
 *    not stand still takes `makeParser`, which has a thread of its own and a limit of time.
 */
export type { Statement, StatementKind } from "./classify.ts";
export { maskSecrets } from "./mask.ts";
export { type Parsed, parse, type SyntaxProblem } from "./parse.ts";
export { makeParser, type Outline, type Outlined, type Parser } from "./parser.ts";
export { offsetOfPosition, type Place, placeOf } from "./place.ts";
