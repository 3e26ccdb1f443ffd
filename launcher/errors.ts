import { defineError } from "../platform/core/index.ts";

export const portTaken = defineError({
  code: "NEB920",
  status: 409,
  title: "Port taken",
  retry: false,
  hint: "Stop the program that listens there, or choose other ports with --port N.",
});

export const dataFolderUnusable = defineError({
  code: "NEB921",
  status: 500,
  title: "Data folder cannot be used",
  retry: false,
  hint: "Choose a folder that you may write to with --data DIR.",
});

export const diskFull = defineError({
  code: "NEB922",
  status: 507,
  title: "Disk full",
  retry: false,
  hint: "Free some space and run the same command again; nothing was lost.",
});

export const toolMissing = defineError({
  code: "NEB923",
  status: 500,
  title: "Tool missing",
  retry: false,
  hint: "Install the named tool and run the same command again; `nebula doctor` lists what is there.",
});

export const setupFailed = defineError({
  code: "NEB924",
  status: 500,
  title: "Set-up failed",
  retry: true,
  hint: "Run the same command again; it goes on where it stopped. `nebula doctor` lists what is there.",
});

export const checksumMismatch = defineError({
  code: "NEB925",
  status: 500,
  title: "Checksum mismatch",
  retry: false,
  hint: "The file that came is not the one that NebulaDB was tested with. Do not use it; check where your packages come from.",
});

export const processFailed = defineError({
  code: "NEB926",
  status: 500,
  title: "A process did not start",
  retry: true,
  hint: "The named log file says why.",
});

export const unknownName = defineError({
  code: "NEB928",
  status: 404,
  title: "Unknown name",
  retry: false,
  hint: "Use one of the names listed.",
});

export const folderClosed = defineError({
  code: "NEB929",
  status: 500,
  title: "Folder closed to the database user",
  retry: false,
  hint: "Postgres refuses to run as root. Choose --data in a folder that every user may enter, or open the named one with chmod o+x.",
});

export const lockTimeout = defineError({
  code: "NEB930",
  status: 408,
  title: "Waited too long for another process",
  retry: true,
  hint: "Another nebula command holds the named lock. Wait for it, or stop it.",
});

export const noCommand = defineError({
  code: "NEB931",
  status: 500,
  title: "Command not built in",
  retry: false,
  hint: "This checkout lacks the named part; take a complete one.",
});
