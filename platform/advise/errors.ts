import { defineError } from "../core/index.ts";

export const adviceFailed = defineError({
  code: "NEB790",
  status: 502,
  title: "A database's schema could not be looked at",
  retry: true,
  hint: "Ask again; `nebula sql DATABASE -c 'select 1'` shows whether it answers at all.",
});
