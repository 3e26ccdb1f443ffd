import { defineError } from "../core/index.ts";

export const rightsMissing = defineError({
  code: "NEB395",
  status: 422,
  title: "Changes what its author has no right to change",
  retry: false,
  hint: "Take these files out, or let somebody with that right open the pull request: in a tenant its members, in tenants/fleet/ and outside tenants/ a Platform Admin.",
});

export const strangeFile = defineError({
  code: "NEB399",
  status: 422,
  title: "A file that cannot come by pull request",
  retry: false,
  hint: "Links, submodules, executables below tenants/ and names that look like others' are refused, whoever asks.",
});
