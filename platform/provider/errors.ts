import { defineError } from "../core/index.ts";

export const dataMissing = defineError({
  code: "NEB401",
  status: 409,
  title: "The database's data is not where it was",
  retry: false,
  hint: "Nothing is made in its place. Put its folder back, or give the database up: retire it, delete it, declare it anew.",
});

export const notRetired = defineError({
  code: "NEB320",
  status: 409,
  title: "Database is not retired",
  retry: false,
  hint: "Set `retire: true` in its declaration and deploy that first; delete the declaration afterwards.",
});

export const foreignStack = defineError({
  code: "NEB321",
  status: 403,
  title: "Database of another stack",
  retry: false,
  hint: "A stack deploys the databases of its own tenant and project only.",
});

export const secretMissing = defineError({
  code: "NEB323",
  status: 422,
  title: "Secret not found",
  retry: false,
  hint: "Store the tenant's secret under the name that the declaration refers to, then deploy again.",
});

export const badInputs = defineError({
  code: "NEB324",
  status: 422,
  title: "Bad inputs of a database resource",
  retry: false,
  hint: "Deploy from declarations; the inputs are what they evaluate to.",
});

export const effectRefused = defineError({
  code: "NEB325",
  status: 502,
  title: "The reconciler could not do it",
  retry: false,
  hint: "`nebula ops list` shows the operation; the message says what failed.",
});

export const effectUnanswered = defineError({
  code: "NEB326",
  status: 504,
  title: "No reconciler answered",
  retry: true,
  hint: "Check that the platform is up (`nebula status`), then run `pulumi up` again.",
});

export const noLedger = defineError({
  code: "NEB327",
  status: 500,
  title: "No ledger to work through",
  retry: false,
  hint: "Set PULUMI_BACKEND_URL to the state URL that came with the tenant's CI credentials.",
});

export const databaseMissing = defineError({
  code: "NEB328",
  status: 404,
  title: "No such database",
  retry: false,
  hint: "`nebula db list` shows the databases of the project.",
});

export const branchUnavailable = defineError({
  code: "NEB694",
  status: 501,
  title: "No branches here",
  retry: false,
  hint: "Branches are made on the local placement; leave the declaration out, or declare an empty database.",
});

export const notABranch = defineError({
  code: "NEB695",
  status: 409,
  title: "Not a branch",
  retry: false,
  hint: "Only a branch is reset or expires; `nebula db show` says what it is.",
});

export const branchOverdue = defineError({
  code: "NEB696",
  status: 409,
  title: "The branch is over",
  retry: false,
  hint: "Extend its ttl in its file and merge that, or delete the file.",
});

export const upgradeUnavailable = defineError({
  code: "NEB363",
  status: 501,
  title: "No upgrade here",
  retry: false,
  hint: "An upgrade needs the local placement and a place for backups (NEBULA_BACKUPS, NEBULA_BACKUP_STORE). Declare the version that it has until then.",
});
