import { defineError } from "../core/index.ts";

export const placementMissing = defineError({
  code: "NEB310",
  status: 422,
  title: "Placement not available",
  retry: false,
  hint: "Choose a placement that this installation has a provider for.",
});
