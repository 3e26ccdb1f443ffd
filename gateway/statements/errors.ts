/** Why a text is not run. What goes wrong in a statement that runs is no fault but part of its answer. */
import { defineError } from "../../platform/core/index.ts";

export const sqlNotRead = defineError({
  code: "NEB780",
  status: 422,
  title: "The text is not SQL",
  retry: false,
  hint: "The line and column say where Postgres's own grammar stopped. Nothing was run.",
});

export const sqlNeedsWrite = defineError({
  code: "NEB781",
  status: 403,
  title: "The statement changes something, and the request only reads",
  retry: false,
  hint: 'Ask for it: "mode": "write", or nebula sql --write. Writing takes the right sql:write; on a branch sql:branch is enough.',
});

export const sqlNotHere = defineError({
  code: "NEB782",
  status: 422,
  title: "This statement is not run here",
  retry: false,
  hint: "Connect with a client of Postgres: `nebula db url` gives the address. docs/sql.md lists what the SQL endpoint runs.",
});

export const sqlBadRequest = defineError({
  code: "NEB783",
  status: 400,
  title: "The request to run SQL does not fit together",
  retry: false,
  hint: "docs/sql.md shows the request; nothing was run.",
});

export const sqlTooMany = defineError({
  code: "NEB784",
  status: 429,
  title: "Too many statements at once",
  retry: true,
  hint: "Wait until one ends, cancel one (nebula sql cancel), or close a cursor.",
});

export const cursorGone = defineError({
  code: "NEB785",
  status: 404,
  title: "There is no such cursor",
  retry: false,
  hint: "A cursor ends after its last page, a minute without being read, or ten minutes. Run the statement again.",
});

export const sqlLoginMissing = defineError({
  code: "NEB786",
  status: 503,
  title: "The database has no login for SQL yet",
  retry: true,
  hint: "Deploy its project once more: the roles and their keys are made then.",
});

export const sqlTokenRefused = defineError({
  code: "NEB787",
  status: 401,
  title: "This is not a token of the portal",
  retry: false,
  hint: "The SQL endpoint of the gateway is for the portal only. Ask the portal: POST /api/v1/domain/.../databases/.../sql, or nebula sql.",
});

export const sqlConnectionLost = defineError({
  code: "NEB788",
  status: 503,
  title: "The connection to the database was lost",
  retry: true,
  hint: "What was in a transaction was undone; what was not may have been done. Look before you run it again.",
});
