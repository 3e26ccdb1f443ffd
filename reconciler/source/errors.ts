import { defineError, type Fault } from "../../platform/core/index.ts";

const stalled = (code: `NEB${number}`, title: string, hint: string): Fault =>
  defineError({ code, status: 409, title, retry: false, hint });

export const historyRewritten = stalled(
  "NEB380",
  "The default branch was rewritten",
  "Put the old commit back on the branch, or accept the new history with `nebula ops approve`. Nothing was changed or deleted.",
);
export const repositoryEmpty = stalled(
  "NEB381",
  "The repository has no commit on its default branch",
  "Push the declarations, or correct the default branch. What runs goes on running.",
);
export const declarationsMissing = stalled(
  "NEB382",
  "The repository declares nothing any more",
  "Put tenants/ back. To end databases, set `retire: true` on each, merge, and delete them afterwards.",
);
export const declarationMissing = stalled(
  "NEB383",
  "The folder of a project is gone while it has databases",
  "Put the folder back, retire each database and merge that; the folder can be deleted afterwards.",
);
export const declarationInvalid = stalled(
  "NEB384",
  "The declaration of a project does not evaluate",
  "Correct the problems listed and merge; until then the last good declaration stays in force.",
);
export const fleetUnusable = stalled(
  "NEB385",
  "The fleet does not evaluate",
  "A Platform Admin must merge a valid tenants/fleet/: prices, quotas and policies are read from it.",
);
export const changeRefused = stalled(
  "NEB386",
  "What was merged is not allowed",
  "It came to the default branch past its review. See the findings; the last good declaration stays in force.",
);
export const authorityNotReviewed = stalled(
  "NEB388",
  "Rules or members were changed without a review",
  "Put the text back, or accept it with `nebula ops approve`; until then the old rules hold and nothing is deployed.",
);
export const protectionWeakened = stalled(
  "NEB389",
  "The protection of the default branch was removed or weakened",
  "Restore it, or accept what is there now with `nebula ops approve`. What runs goes on running.",
);
