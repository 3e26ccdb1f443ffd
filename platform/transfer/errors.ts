import { defineError } from "../core/index.ts";

export const importImpossible = defineError({
  code: "NEB697",
  status: 422,
  title: "The import cannot begin",
  retry: false,
  hint: "The message says what the source or the target lacks; nothing was copied.",
});

export const importFailed = defineError({
  code: "NEB698",
  status: 502,
  title: "The import broke off",
  retry: false,
  hint: "What came so far is in the target: retire and delete it, or drop its tables, then import again.",
});

export const importDiffers = defineError({
  code: "NEB699",
  status: 409,
  title: "The imported rows are not those of the source",
  retry: false,
  hint: "The tables that differ are named. Drop the target's tables and import again.",
});
