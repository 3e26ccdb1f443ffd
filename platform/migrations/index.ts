/**
 * Migrations of tenants' databases: `tenants/<tenant>/<project>/<database>/migrations/NNNN_name.sql`. Owns reading and judging the files,
 * running them once and in order, what a database knows of them itself, and telling two schemas apart. Does not own when they are run
 * (reconciler/deploy), their place in a spec (platform/evaluate), nor the copy on which they are rehearsed (platform/backup).
 *
 * 1. A file runs as the database's owner and may do what the owner may, in a review's rehearsal too.
 * 2. A file's row is there exactly when what the file did is; after a kill at any point a repeat runs nothing twice.
 * 3. What ran is never run again and never changed: a text that differs from its row stops everything after it.
 * 4. Nothing a tenant wrote runs with an administrator's rights.
 */
export { type Applied, type ApplyInput, applyMigrations, missingOf, noteSchema, numberOf } from "./apply/apply.ts";
export { recordOf, type SchemaDifference, schemaDifference, schemaDrift } from "./apply/difference.ts";
export { applyDirect } from "./apply/direct.ts";
export { listRan, type Noted, type Ran, readNoted } from "./apply/record.ts";
export { type Door, type RunLimits, usualLimits } from "./apply/run-file.ts";
export * from "./errors.ts";
export { type LintFinding, lint, losesData, losingWhy, refusing } from "./lint/lint.ts";
export type { Level, Risk } from "./lint/rule.ts";
export { inOrder, type Migration, type MigrationFile, readMigration, type Statement } from "./read/migration.ts";
export { type Rehearsal, type RehearsedFile, rehearse, type Touched } from "./rehearse.ts";
export { describeSchemaChanges, diffSchemas, type SchemaChange } from "./schema/diff.ts";
export { fingerprintOf, takeSnapshot } from "./schema/snapshot.ts";
export { statementsOf, toScript } from "./schema/statements.ts";
export type { Snapshot } from "./schema/types.ts";
