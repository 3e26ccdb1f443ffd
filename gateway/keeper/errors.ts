import { defineError } from "../../platform/core/index.ts";

export const databaseUnreached = defineError({
  code: "NEB776",
  status: 503,
  title: "The database does not answer",
  retry: true,
  hint: "Try again in a moment. What was sent before may have been done: look before you write it again.",
});

export const branchExpired = defineError({
  code: "NEB777",
  status: 410,
  title: "The branch's time is over",
  retry: false,
  hint: "Extend its ttl in its file and merge that, or delete the file.",
});
