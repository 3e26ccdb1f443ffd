import { defineError } from "../../platform/core/index.ts";

export const sourceAway = defineError({
  code: "NEB472",
  status: 503,
  title: "Nobody can say how the database is doing",
  retry: true,
  hint: "The reconciler looks at databases, and none answers: `nebula replicas` shows which there are.",
});

export const neverSeen = defineError({
  code: "NEB473",
  status: 404,
  title: "There are no figures of this database",
  retry: false,
  hint: "It has not been made yet, or runs where its provider's own monitoring is asked.",
});
