import { defineError } from "../../../platform/core/index.ts";

export const incidentOver = defineError({
  code: "NEB949",
  status: 409,
  title: "The incident is resolved",
  retry: false,
  hint: "Declare another one: what begins again is told as something new.",
});
