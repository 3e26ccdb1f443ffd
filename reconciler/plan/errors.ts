import { defineError, type Fault } from "../../platform/core/index.ts";

const blocked = (code: `NEB${number}`, title: string, hint: string): Fault =>
  defineError({ code, status: 422, title, retry: false, hint });

export const storageShrinks = blocked(
  "NEB212",
  "Storage cannot shrink",
  "Keep the size, or make a new database of the smaller size, copy the data and retire this one.",
);
export const versionGoesDown = blocked(
  "NEB213",
  "Version cannot go down",
  "A data folder cannot be read by an older server. Make a new database of that version and copy the data.",
);
export const engineChanges = blocked(
  "NEB214",
  "Engine cannot change",
  "That would replace the database by an empty one. Declare a new database under another name, copy the data, then retire this one.",
);
export const placementChanges = blocked(
  "NEB215",
  "Placement or region cannot change while databases live",
  "Declare a new project there, copy the data, then retire the databases here.",
);
export const bucketNotRetired = blocked(
  "NEB451",
  "Bucket deleted without being retired",
  "Set `retire: true` in its file and merge that first; delete the file afterwards.",
);
export const momentToCome = blocked(
  "NEB136",
  "A branch of a moment that has not come",
  "Write a moment that is past, or leave `at` out to branch from now.",
);
export const momentOver = blocked(
  "NEB137",
  "A branch of a moment that cannot be restored",
  "Write a later moment, or leave `at` out to branch from now; `nebula db backups` shows what can be restored.",
);
export const branchMoves = blocked(
  "NEB138",
  "A branch cannot become one of something else",
  "Declare another branch under another name, and delete this one's file. `nebula branch reset` makes it anew of the same.",
);
