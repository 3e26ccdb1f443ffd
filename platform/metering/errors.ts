import { defineError } from "../core/index.ts";

/** Each names why one event of a batch was not taken; the others of the batch are. */
export const badEvent = defineError({
  code: "NEB503",
  status: 422,
  title: "Not a usage event",
  retry: false,
  hint: "Send CloudEvents 1.0 in JSON as docs/metering.md shows them. The message says which attribute is wrong.",
});

export const unknownSubject = defineError({
  code: "NEB504",
  status: 422,
  title: "Usage of an unknown database",
  retry: false,
  hint: "The subject is tenant/project/database of a database that was deployed here.",
});

export const notTold = defineError({
  code: "NEB505",
  status: 422,
  title: "Usage that is not told so",
  retry: false,
  hint: "docs/metering.md lists which meters may come from outside, and whether as delta, level or counter. What NebulaDB samples itself would count twice.",
});

export const tooLate = defineError({
  code: "NEB506",
  status: 422,
  title: "Usage came too late",
  retry: false,
  hint: "Events may be 48 hours old and cover 24 hours. Send what is older as a correction, which says why.",
});

export const tooEarly = defineError({
  code: "NEB507",
  status: 422,
  title: "Usage of the future",
  retry: true,
  hint: "The event's time is ahead of the ledger's clock. Set the sender's clock, or send it again when its time has come.",
});

export const changedEvent = defineError({
  code: "NEB508",
  status: 409,
  title: "A usage event with a used id",
  retry: false,
  hint: "Another event with this source and id is kept, and says something else. An id names one event for ever; what is wrong is corrected by a correction.",
});

export const beyondZero = defineError({
  code: "NEB509",
  status: 409,
  title: "A correction takes away more than there is",
  retry: false,
  hint: "See the window's records with `nebula usage records`; a window never holds less than nothing.",
});
