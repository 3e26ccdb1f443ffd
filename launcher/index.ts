/**
 * The launcher: the supervisor behind `up` and `down`, set-up of the tools that NebulaDB needs, and the local commands. Owns
 * the data folder's layout, pid files, the ledger's Postgres process and the exit codes. Does not own what the processes do:
 * it starts mains and imports none.
 *
 * 1. Whatever was killed, `up` comes back: nothing is believed from a file that a process does not confirm.
 * 2. Data on standard output, talk on standard error.
 * 3. Secrets are files of mode 0600 under <data>/secrets; they reach children by environment, never by argument.
 */
export { takeDown } from "./commands/down.ts";
export { testFile } from "./commands/test.ts";
export { count, disturbed, merged } from "./commands/vitest.ts";
export { type DataFolder, layout, prepareData, readSecrets } from "./data-folder.ts";
export { exitCodeOf } from "./exit-codes.ts";
export { lockOwner, tryLock, withLock } from "./lock.ts";
export { rotateLog } from "./main-process.ts";
export { flagsOf } from "./mains.ts";
export { canEnter } from "./os-user.ts";
export { readPlatform } from "./platform-file.ts";
export { isAlive, type ProcessId, startTimeOf } from "./processes.ts";
export { makeProgram } from "./program.ts";
export { accessRunning, type LedgerAccess } from "./recovery/access.ts";
export { takeBackup } from "./recovery/backup.ts";
export { rebuild } from "./recovery/rebuild.ts";
export { type Restored, restore } from "./recovery/restore.ts";
export { verifySource } from "./recovery/source.ts";
export { exportTenant } from "./recovery/tenant-export.ts";
export { type Running, type SuperviseInput, supervise } from "./supervisor.ts";
export { cacheDir, install } from "./toolchain/cache.ts";
export {
  type DebianFound,
  type DebianTool,
  findDebianTool,
  prometheusTool,
  redisTool,
  resolveDebianTool,
  tryDebianTool,
} from "./toolchain/debian.ts";
export { findPgBouncer, type PgBouncer, resolvePgBouncer, tryPgBouncer, verifyArchive } from "./toolchain/pgbouncer.ts";
export { findPostgres, type Postgres, resolvePostgres, verifyWheel } from "./toolchain/postgres.ts";
export { findLanguageHost, findPulumi, isAtLeast, resolvePulumi } from "./toolchain/pulumi.ts";
export { makeSay, quiet, type Say } from "./toolchain/say.ts";
export { resolveStripeMock } from "./toolchain/stripe-mock.ts";
export { findVersitygw, resolveVersitygw, tryVersitygw } from "./toolchain/versitygw.ts";
