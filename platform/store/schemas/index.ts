export { getMigrationTexts, pruneMigrationTexts, putMigrationTexts } from "./texts.ts";
export {
  type AppliedMigration,
  type DatabaseSchema,
  type FailedMigration,
  forgetSchema,
  getSchema,
  isMigrationQueued,
  listSchemas,
  recordSchema,
  type WaitingMigration,
} from "./schemas.ts";
