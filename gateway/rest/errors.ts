/** Faults of the data API. What a client did wrong is no fault but an answer: see refusal.ts. */
import { defineError } from "../../platform/core/index.ts";

export const schemaUnreadable = defineError({
  code: "NEB750",
  status: 503,
  title: "The database's schema cannot be read",
  retry: true,
  hint: "The gateway's log has the server's own words. The data API works as soon as the schema can be read by its login role.",
});

export const answerTooLarge = defineError({
  code: "NEB752",
  status: 413,
  title: "The answer is too large",
  retry: false,
  hint: "Ask for fewer rows or columns at once: limit, offset, select. The declaration's `maxResponse` sets how much an answer may be.",
});

export const answerUnreadable = defineError({
  code: "NEB751",
  status: 500,
  title: "The database answered the data API in an unexpected shape",
  retry: false,
  hint: "This is a defect of the data API. Report it with the request that led to it.",
});
