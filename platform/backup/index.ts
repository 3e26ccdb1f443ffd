/**
 * Backups, restores and branches of tenants' databases, by Postgres's own tools: base backups, the log, and what leads from them to any
 * second. Owns what lies in the object store and how it is laid out (`catalog.ts`), how long it is kept, and its damage. Does not own
 * the instances (platform/compute), when something is due (reconciler/backup), nor the ledger's own backup (launcher/recovery).
 *
 * 1. The store alone is enough: nothing that a restore needs stands only in the ledger or on the machine; besides the installation's keys.
 * 2. Nothing leaves the machine unsealed, and each database has a key of its own.
 * 3. A restore is exact or refused: never a row committed before the target that is missing, never one after it that is there.
 * 4. A backup never counts as a client, and a restore never overwrites: what was there is put aside.
 */
export type { Backups, BackupsOptions, LineView } from "./backups.ts";
export { makeBackups } from "./backups.ts";
export type { Base } from "./catalog.ts";
export { backupPurposes } from "./catalog.ts";
export type { Damage } from "./check.ts";
export type { CopyReport } from "./copy.ts";
export * from "./errors.ts";
export type { Alive, Expired } from "./expire.ts";
export { expiryOf } from "./expire.ts";
export type { ImportDumpInput } from "./import-dump.ts";
export { noteInLedger } from "./ledger.ts";
export { isSegment, numberOf } from "./log-names.ts";
export type { RestorePreview, TableThen } from "./preview.ts";
export type { RehearsalInput, Rehearsed, Stage } from "./rehearse.ts";
export { type BackupSettings, backupFields, backupSettings, openStores } from "./settings.ts";
export type { Shipped } from "./ship.ts";
export type { TakeInput } from "./take.ts";
export type { Target, Window } from "./target.ts";
export { nameOf } from "./target.ts";
export type { UpgradeInput } from "./upgrade.ts";
