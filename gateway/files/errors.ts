import { defineError } from "../../platform/core/index.ts";

export const filesServerFailed = defineError({
  code: "NEB795",
  status: 502,
  title: "The server of the buckets does not answer",
  retry: true,
  hint: "It is started again by itself; log/files.log in the data folder says what it said.",
});

export const filesPortTaken = defineError({
  code: "NEB796",
  status: 500,
  title: "The port of the buckets is taken",
  retry: false,
  hint: "Free it, or set NEBULA_FILES_PORT to another one.",
});
