import { defineError } from "../core/index.ts";

export const gitMissing = defineError({
  code: "NEB370",
  status: 500,
  title: "Git is missing or too old",
  retry: false,
  hint: "Install git 2.38 or newer and make sure that it is on PATH.",
});

export const gitFailed = defineError({
  code: "NEB371",
  status: 500,
  title: "A git command failed",
  retry: false,
  hint: "The message names the command and what git said about it.",
});

export const gitTimeout = defineError({
  code: "NEB372",
  status: 504,
  title: "A git command took too long",
  retry: true,
  hint: "The command was stopped. Look at the machine's load, or at the remote when it was a fetch.",
});

export const gitOutputLimit = defineError({
  code: "NEB373",
  status: 500,
  title: "A git command wrote too much",
  retry: false,
  hint: "An object or a listing is larger than this operation accepts.",
});

export const gitRefused = defineError({
  code: "NEB374",
  status: 401,
  title: "The Git host refused the credentials",
  retry: false,
  hint: "Check that the token is valid and may read the repository.",
});

export const gitUnreachable = defineError({
  code: "NEB375",
  status: 503,
  title: "The Git host does not answer",
  retry: true,
  hint: "Check the address of the repository and the network.",
});

export const badRevision = defineError({
  code: "NEB376",
  status: 400,
  title: "Not a valid revision or reference name",
  retry: false,
  hint: "Use a full reference name such as refs/heads/main, or an object's hash.",
});

export const objectMissing = defineError({
  code: "NEB377",
  status: 404,
  title: "The repository has no such object",
  retry: false,
  hint: "The commit may have been removed by a force-push, or was never fetched.",
});

export const remoteRepositoryMissing = defineError({
  code: "NEB378",
  status: 404,
  title: "The Git host has no such repository or reference",
  retry: false,
  hint: "Check owner, name and reference; a private repository also looks like this without a token.",
});

export const refUpdateFailed = defineError({
  code: "NEB379",
  status: 409,
  title: "A reference could not be written",
  retry: true,
  hint: "Another writer held the reference, or its name collides with another one. Read it again and retry.",
});
