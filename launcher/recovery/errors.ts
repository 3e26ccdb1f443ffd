import { defineError } from "../../platform/core/index.ts";

export const backupImpossible = defineError({
  code: "NEB932",
  status: 409,
  title: "Backup or export impossible",
  retry: true,
  hint: "It is taken while the platform runs (`nebula up`), with Postgres's client tools; `nebula doctor` says which are there.",
});

export const backupDamaged = defineError({
  code: "NEB933",
  status: 422,
  title: "Backup damaged",
  retry: false,
  hint: "Nothing was restored. Use another backup; the named file is not what the manifest says.",
});

export const backupUnusable = defineError({
  code: "NEB934",
  status: 422,
  title: "Backup unusable",
  retry: false,
  hint: "Name a folder that `nebula backup` wrote, or the folder of the continuous backups (<data>/backups).",
});

export const targetNotEmpty = defineError({
  code: "NEB935",
  status: 409,
  title: "There is something already",
  retry: false,
  hint: "Choose an empty folder with --data, or put the named one aside first; nothing is ever overwritten.",
});

export const masterKeyWanted = defineError({
  code: "NEB936",
  status: 409,
  title: "The master key is missing",
  retry: false,
  hint: "Give the secrets/master.key of the platform that was backed up (--master-key FILE), or the passphrase of a backup made with --with-keys.",
});

export const recoveryIncomplete = defineError({
  code: "NEB937",
  status: 422,
  title: "Recovery incomplete",
  retry: false,
  hint: "The log of the ledger does not lead to where it should. Restore to an earlier moment (--to-time), or from another backup.",
});

export const rebuildImpossible = defineError({
  code: "NEB938",
  status: 409,
  title: "Rebuild impossible",
  retry: false,
  hint: "A rebuild needs a data folder without a ledger, the vault's keys (secrets/), and the declarations' repository.",
});

export const ledgerLost = defineError({
  code: "NEB939",
  status: 409,
  title: "The ledger is lost",
  retry: false,
  hint: "Bring it back: nebula restore --from <data>/backups. Where there is no backup either: nebula rebuild. Both leave the databases running.",
});

export const momentNotReached = defineError({
  code: "NEB940",
  status: 422,
  title: "The backup ends before that moment",
  retry: false,
  hint: "Leave --to-time out to restore as late as possible, or name an earlier moment.",
});

export const secretFileUnusable = defineError({
  code: "NEB941",
  status: 422,
  title: "Secret file unusable",
  retry: false,
  hint: "A file with a passphrase or a master key is readable by you alone (chmod 600 FILE) and is not empty.",
});
