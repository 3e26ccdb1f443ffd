/**
 * When databases are backed up, and what becomes of backups: one worker a machine, under a lease. Does not own how (platform/backup).
 */
export { type BackupTimes, dueBackup, hasChanged, parseBackupTimes, usualTimes } from "./due.ts";
export { registerBackupsGauges } from "./gauges.ts";
export { type BackupWorker, type BackupWorkerParts, makeBackupWorker } from "./worker.ts";
