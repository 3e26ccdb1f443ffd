export {
  type AppliedMigration,
  countMigrating,
  type DatabaseSchema,
  type FailedMigration,
  forgetSchema,
  getSchema,
  isMigrationQueued,
  listSchemas,
  recordSchema,
  type WaitingMigration,
} from "./schemas.ts";
export { getMigrationTexts, knownMigrationTexts, pruneMigrationTexts, putMigrationTexts } from "./texts.ts";
