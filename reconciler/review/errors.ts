import { defineError, type Fault } from "../../platform/core/index.ts";

export const typeError = defineError({
  code: "NEB150",
  status: 422,
  title: "Type error in a declaration",
  retry: false,
  hint: "The editor shows the same with the repository's tsconfig; run `npm run check` before pushing.",
});
export const outsideImport = defineError({
  code: "NEB151",
  status: 422,
  title: "A declaration reads outside its tenant's folder",
  retry: false,
  hint: "Import only `@nebuladb/platform` and files of the same tenant.",
});

const refused = (code: `NEB${number}`, title: string, hint: string): Fault =>
  defineError({ code, status: 422, title, retry: false, hint });

export const mergeConflict = refused(
  "NEB390",
  "The pull request conflicts with its base",
  "Merge the base branch into it, resolve the conflict and push: it is reviewed again.",
);
export const fleetMissing = refused(
  "NEB391",
  "The base has no usable fleet",
  "A Platform Admin must merge a valid tenants/fleet/ first: prices, quotas and policies are read from the base.",
);
export const monthRepriced = refused(
  "NEB538",
  "Prices of a month that has begun change",
  "A month is billed by one version of the prices: give new ones a version from a coming month.",
);
export const needsPlatformAdmin = refused(
  "NEB392",
  "Changes what belongs to the platform",
  "A Platform Admin must approve this pull request.",
);
export const needsDomainAdmin = refused(
  "NEB393",
  "Changes members or roles of a tenant",
  "A Domain Admin of that tenant must approve this pull request.",
);
export const changeNotAllowed = refused(
  "NEB394",
  "The change did not pass its review",
  "The pull request says what is wrong and where; correct it there, or ask for something else.",
);
export const previewFailed = defineError({
  code: "NEB396",
  status: 422,
  title: "The Pulumi preview failed",
  retry: false,
  hint: "The plan above is what NebulaDB understands; the preview says what Pulumi could not do with it.",
});
export const reviewFailed = defineError({
  code: "NEB397",
  status: 500,
  title: "The review could not be finished",
  retry: true,
  hint: "It is tried again; push again to start it at once.",
});
export const deployEnded = defineError({
  code: "NEB398",
  status: 500,
  title: "Merged, but not deployed",
  retry: false,
  hint: "What ran before goes on running. See the operation of the stack, correct the cause, and merge or retry.",
});
