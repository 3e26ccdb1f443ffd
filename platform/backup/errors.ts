import { defineError } from "../core/index.ts";

export const targetOutside = defineError({
  code: "NEB414",
  status: 422,
  title: "That moment cannot be restored",
  retry: false,
  hint: "Choose a moment between the two that the message names; `nebula db backups` shows them.",
});

export const logGap = defineError({
  code: "NEB415",
  status: 422,
  title: "The log has a gap",
  retry: false,
  hint: "A part of the log is missing on the way to that moment. Choose an earlier one, or restore from the other location.",
});

export const backupDamaged = defineError({
  code: "NEB416",
  status: 422,
  title: "Backup damaged",
  retry: false,
  hint: "Restore from the other location, or from another backup. A full backup begins anew: `nebula db backup --full`.",
});

export const foreignBackup = defineError({
  code: "NEB417",
  status: 422,
  title: "Backup of another database",
  retry: false,
  hint: "What is stored under this database's name was not made of it; nothing was restored.",
});

export const backupFailed = defineError({
  code: "NEB418",
  status: 500,
  title: "Backup not taken",
  retry: true,
  hint: "The message has the program's last words. It is tried again by itself; what was stored before is kept.",
});

export const restoreFailed = defineError({
  code: "NEB419",
  status: 500,
  title: "Restore failed",
  retry: true,
  hint: "Nothing was changed. The message has the server's last words.",
});

export const noBackups = defineError({
  code: "NEB420",
  status: 409,
  title: "Database without backups",
  retry: false,
  hint: 'Declare them: backups: { retention: "30d", pitr: true }. They begin with the deployment.',
});

export const spoolStrange = defineError({
  code: "NEB421",
  status: 500,
  title: "Something else lies in the log's spool",
  retry: false,
  hint: "It is neither stored nor deleted. Look at the named file, and who may write there.",
});

export const toolsMissing = defineError({
  code: "NEB422",
  status: 500,
  title: "Postgres's backup programs are not here",
  retry: false,
  hint: "Install PostgreSQL 18 with its client tools, or Python 3 with pip so that `nebula up` fetches a complete set.",
});

export const dumpRefused = defineError({
  code: "NEB423",
  status: 422,
  title: "Not a dump that is restored here",
  retry: false,
  hint: "Make it with `pg_dump --format=custom`. Plain dumps are programs for psql, and are never run.",
});

export const importFailed = defineError({
  code: "NEB424",
  status: 422,
  title: "Dump not restored",
  retry: false,
  hint: "Nothing of it is in the database. The message says at which object it ended.",
});

export const rehearsalFailed = defineError({
  code: "NEB425",
  status: 422,
  title: "Upgrade failed in its rehearsal",
  retry: false,
  hint: "Nothing was changed: the database runs on in its old version. Change what the message names, then `nebula ops retry` or merge anew.",
});

export const upgradeDiffers = defineError({
  code: "NEB426",
  status: 500,
  title: "Converted data is not what it was",
  retry: false,
  hint: "The converted copy was thrown away, and the database runs on in its old version. Report this with the named tables.",
});

export const otherVersion = defineError({
  code: "NEB427",
  status: 409,
  title: "Backup of another major version",
  retry: false,
  hint: "It was taken before an upgrade. Restore to a moment after it; what was before is kept in the final copy of the upgrade until the next good backup.",
});
