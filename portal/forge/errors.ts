import { defineError } from "../../platform/core/index.ts";

export const unknownName = defineError({
  code: "NEB690",
  status: 404,
  title: "The embedded Git host has no such account or repository",
  retry: false,
  hint: "Make the organisation and the repository first; names are letters, digits and single hyphens.",
});
