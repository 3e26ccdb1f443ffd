import { defineError, type Fault } from "../core/index.ts";

const inFile = (code: `NEB${number}`, title: string, hint: string): Fault =>
  defineError({ code, status: 422, title, retry: false, hint });

export const migrationChanged = inFile(
  "NEB144",
  "A migration was changed after it ran",
  "Bring its text back, and put what is to change into a new migration: what ran once does not run again.",
);
export const migrationOutOfOrder = inFile(
  "NEB145",
  "A migration comes before one that ran already",
  "Give it the next free number: every copy of the database then runs the same files in the same order.",
);
export const migrationSyntax = inFile(
  "NEB146",
  "A migration is no SQL",
  "Correct the text; Postgres's own grammar reads it.",
);
export const migrationForbidden = inFile(
  "NEB147",
  "A statement that a migration cannot have",
  "docs/migrations.md lists what a migration may hold and where the rest belongs.",
);
export const rehearsalFailed = inFile(
  "NEB148",
  "A migration failed in its rehearsal",
  "Nothing was changed but a copy. Correct the file; the next push is rehearsed again.",
);
export const migrationUnsafe = inFile(
  "NEB149",
  "A migration is not safe",
  "Do it another way, or write above the statement: -- nebula: allow <rule> because <reason>.",
);

export const migrationFailed = defineError({
  code: "NEB440",
  status: 422,
  title: "A migration failed",
  retry: false,
  hint: "It left nothing behind, and those after it wait. Merge a correction of this file; it runs then, and they after it.",
});
export const recordDiffers = defineError({
  code: "NEB441",
  status: 409,
  title: "The database's record of its migrations is not what Git says",
  retry: false,
  hint: "`nebula db migrations` shows both. Bring back the text that ran, or restore the database to before it ran.",
});
export const lockNotHad = defineError({
  code: "NEB442",
  status: 503,
  title: "A migration waited for a lock for too long",
  retry: true,
  hint: "It is tried again by itself. A long transaction holds the table: `nebula sql` and pg_stat_activity show whose.",
});
export const recordNotOurs = defineError({
  code: "NEB443",
  status: 409,
  title: "The schema nebula is somebody else's",
  retry: false,
  hint: "NebulaDB keeps the record of migrations in a schema of that name: rename yours.",
});
export const holderReplaced = defineError({
  code: "NEB444",
  status: 409,
  title: "Somebody else migrates this database by now",
  retry: false,
  hint: "Nothing is to be done: the other one goes on with it.",
});
export const textMissing = defineError({
  code: "NEB445",
  status: 503,
  title: "The text of a migration is not there",
  retry: true,
  hint: "It is read from Git again with the next look at the repository.",
});
export const onlyOnBranches = defineError({
  code: "NEB446",
  status: 409,
  title: "Only a branch is changed without a pull request",
  retry: false,
  hint: "Leave `direct` out: a pull request is opened. Or make a branch: `nebula branch create`.",
});
export const schemaTooLarge = defineError({
  code: "NEB447",
  status: 422,
  title: "The difference of two schemas is too large to be told",
  retry: false,
  hint: "Compare with pg_dump --schema-only: `nebula db url` has the address.",
});
