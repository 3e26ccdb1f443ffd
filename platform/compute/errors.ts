import { defineError } from "../core/index.ts";

export const osUserMissing = defineError({
  code: "NEB340",
  status: 500,
  title: "No user to run Postgres as",
  retry: false,
  hint: "Postgres refuses to run as root. Create a user once (`useradd --system nebula`), or start NebulaDB as an ordinary user.",
});

export const programsMissing = defineError({
  code: "NEB341",
  status: 500,
  title: "Postgres programs not usable",
  retry: false,
  hint: "`nebula doctor` says where a complete Postgres 18 can come from; NEBULA_PG_BIN names the folder that holds `postgres`.",
});

export const folderUnreachable = defineError({
  code: "NEB342",
  status: 500,
  title: "Folder out of reach",
  retry: false,
  hint: "Choose a data folder and a cache folder that the user running Postgres may enter (--data, NEBULA_CACHE).",
});

export const portTaken = defineError({
  code: "NEB343",
  status: 409,
  title: "Port already in use",
  retry: true,
  hint: "Stop the program that listens there, or start NebulaDB on another base port.",
});

export const diskFull = defineError({
  code: "NEB344",
  status: 507,
  title: "Disk full",
  retry: true,
  hint: "Free space on the disk that holds the data folder. Nothing was changed half-way; the operation runs again by itself.",
});

export const startFailed = defineError({
  code: "NEB345",
  status: 500,
  title: "Database server did not start",
  retry: true,
  hint: "The last lines of its log are in the message; the whole log is under log/ in the data folder.",
});

export const templateDamaged = defineError({
  code: "NEB346",
  status: 500,
  title: "Prepared template damaged",
  retry: true,
  hint: "Remove the template/ folder in the data folder; it is built again at the next start.",
});

export const instanceMissing = defineError({
  code: "NEB347",
  status: 404,
  title: "No such instance",
  retry: false,
  hint: "It was removed or never made; `nebula db list` shows what there is.",
});

export const stopFailed = defineError({
  code: "NEB348",
  status: 500,
  title: "Database server did not stop",
  retry: true,
  hint: "Look at its log under log/ in the data folder; a client may hold it in a long transaction.",
});

export const versionUnavailable = defineError({
  code: "NEB349",
  status: 422,
  title: "Postgres version not available here",
  retry: false,
  hint: "Declare a version that this placement offers, or install that version's programs and name them in NEBULA_PG_BIN.",
});

export const shrinkRefused = defineError({
  code: "NEB350",
  status: 409,
  title: "Storage smaller than what is used",
  retry: false,
  hint: "Declare at least what the database uses now, or delete data first.",
});

export const extensionUnavailable = defineError({
  code: "NEB351",
  status: 422,
  title: "Extension not available here",
  retry: false,
  hint: "Remove it from the declaration, or use one of those that the message lists.",
});

export const extensionInUse = defineError({
  code: "NEB352",
  status: 409,
  title: "Extension still in use",
  retry: false,
  hint: "Drop what depends on it first; NebulaDB never drops your tables with an extension.",
});

export const badInstance = defineError({
  code: "NEB353",
  status: 422,
  title: "Instance cannot be made as asked",
  retry: false,
  hint: "Correct the named fields of the declaration.",
});

export const instanceBusy = defineError({
  code: "NEB354",
  status: 503,
  title: "Instance is being changed by somebody else",
  retry: true,
  hint: "Try again in a moment.",
});

export const adminLoginRefused = defineError({
  code: "NEB355",
  status: 500,
  title: "Instance does not know this installation",
  retry: false,
  hint: "The data folder was made under another master key. Start with the key it was made with (secrets/ in the data folder).",
});

export const instanceDamaged = defineError({
  code: "NEB356",
  status: 500,
  title: "Instance folder damaged",
  retry: false,
  hint: "Parts of its folder are missing. Nothing is written over it: restore it from a backup, or remove it by a pull request.",
});

export const instanceNotRunnable = defineError({
  code: "NEB357",
  status: 409,
  title: "Instance is meant to be stopped",
  retry: false,
  hint: "A paused instance is started by `nebula db resume`, a retired one is brought back by removing `retire: true` from its declaration.",
});

const whatStartsIt = {
  paused: "`nebula db resume` starts it.",
  retired: "Removing `retire: true` from its declaration brings it back.",
};

/** In words for whoever may sign in: they name the database and what somebody did with it, and nothing of the machine. */
export const meantToBeStopped = (id: string, intent: keyof typeof whatStartsIt) =>
  instanceNotRunnable(`${id} is ${intent}`, { hint: whatStartsIt[intent], fields: { intent } });

export const adminKeyMissing = defineError({
  code: "NEB358",
  status: 503,
  title: "Instance not yet prepared for a gateway",
  retry: true,
  hint: "An earlier release made it. The reconciler prepares it while the ledger is up; a deployment does so at once.",
});

export const wakeTimedOut = defineError({
  code: "NEB359",
  status: 503,
  title: "Database did not wake in time",
  retry: true,
  hint: "Connect again in a moment. If it stays so, its log under log/ in the data folder says why the server does not start.",
});

export const keeperClosing = defineError({
  code: "NEB360",
  status: 503,
  title: "Gateway is going down",
  retry: true,
  hint: "Connect again in a moment; sessions that stand are let to their end.",
});

export const standbyFailed = defineError({
  code: "NEB460",
  status: 500,
  title: "Standby cannot be made",
  retry: true,
  hint: "The message has the program's last words. It is tried again by itself; the primary serves meanwhile.",
});

export const noStandby = defineError({
  code: "NEB461",
  status: 503,
  title: "No standby serves",
  retry: true,
  hint: "Connect again in a moment, or without `@ro` to the primary. A database has standbys when it declares `replicas`.",
});

export const primaryLost = defineError({
  code: "NEB462",
  status: 500,
  title: "Primary lost, and no standby may take its place",
  retry: false,
  hint: "Rows that were answered for could be missing in every standby that can be read. Bring back the folder that is missing, or restore from a backup.",
});

export const limitRefused = defineError({
  code: "NEB730",
  status: 500,
  title: "Compute units cannot be enforced",
  retry: true,
  hint: "The control groups of the machine refused; the message says how. The database runs on, and is billed at its smallest size.",
});

export const changesSchemaTaken = defineError({
  code: "NEB731",
  status: 409,
  title: "The schema nebula_changes is taken",
  retry: false,
  hint: "Webhooks and realtime keep their outbox in a schema of that name. Rename yours, then deploy again.",
});

export const freezeFailed = defineError({
  code: "NEB361",
  status: 500,
  title: "Database server cannot be frozen",
  retry: true,
  hint: "Its processes do not stand still; it goes on running. The log of the gateway says which.",
});

export const upgradeFailed = defineError({
  code: "NEB364",
  status: 422,
  title: "Data not converted to another version",
  retry: false,
  hint: "The message has pg_upgrade's own words. The database runs on as it was; change what it names, then deploy again.",
});

export const storageClosed = defineError({
  code: "NEB362",
  status: 409,
  title: "Database closed: it grew past its storage",
  retry: false,
  hint: "Declare more storage (`nebula db expand`) and merge that: it opens then. docs/storage.md says how to delete afterwards.",
});
