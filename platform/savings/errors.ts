import { defineError } from "../core/index.ts";

export const noSaving = defineError({
  code: "NEB575",
  status: 404,
  title: "Nothing to save there",
  retry: false,
  hint: "`nebula savings` lists what would cost less now; what was changed since, or used since, is not in it any more.",
});
