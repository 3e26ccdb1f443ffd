import { defineError } from "../../platform/core/index.ts";

export const changesLoginMissing = defineError({
  code: "NEB732",
  status: 503,
  title: "The database has no login for its changed rows",
  retry: true,
  hint: "Deploy its project once more: the role and its key are made then. Changes wait in the database until then.",
});

export const changesUnreadable = defineError({
  code: "NEB733",
  status: 503,
  title: "The changed rows of a database cannot be read",
  retry: true,
  hint: "The gateway's log says what Postgres answered. It is tried again; changes wait in the database.",
});

export const webhookUnknown = defineError({
  code: "NEB734",
  status: 404,
  title: "There is no such webhook",
  retry: false,
  hint: "List them with nebula webhook list. One that is not declared any more cannot be replayed.",
});

export const webhookBadRequest = defineError({
  code: "NEB735",
  status: 422,
  title: "This cannot be asked of webhooks",
  retry: false,
  hint: "The message names the field. docs/realtime.md says what there is.",
});
