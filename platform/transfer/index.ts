/**
 * Data from a running Postgres into a database of ours. Owns the way to the source, the programs, and the comparison of rows; does not
 * own who may ask for it (portal) nor when it runs (reconciler/deploy, operation IMPORT).
 *
 * 1. Only the custom format of `pg_dump` is restored, never a plain SQL text: that is a program for psql, which runs commands here.
 * 2. Everything is done as the target's owner: what the source's dump wants beyond that fails.
 * 3. The source is one address, judged when it is resolved; TLS as its URL asks for, whatever our programs were built with.
 * 4. Dump and count see one snapshot of the source, and the counts are held against the target's before it is called done.
 * 5. A target that has tables already is not touched.
 */
export * from "./errors.ts";
export { type Imported, type ImportRequest, importDatabase, type Telling } from "./import.ts";
export { parseSource, type Source, type SslMode } from "./source.ts";
