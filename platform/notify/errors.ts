import { defineError } from "../core/index.ts";

export const noChannel = defineError({
  code: "NEB574",
  status: 404,
  title: "No such channel",
  retry: false,
  hint: "`nebula notify` lists the channels that tenant.ts declares, with their names.",
});
