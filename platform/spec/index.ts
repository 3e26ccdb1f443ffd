/**
 * ProjectSpec: what a declaration means, as plain data. Owns the types that cross doors, the option schemas, defaults,
 * catalogue, names, canonical hash and difference. Does not own how a file becomes options (evaluate), nor whether a valid
 * spec is allowed or affordable (policy, pricing). Pure.
 *
 * 1. A spec is frozen, plain JSON with every default filled: no undefined, no NaN. What came after the first release is there only
 *    where it is declared (docs/decisions/0016).
 * 2. Equal declarations are equal specs and hash equal, whatever the order of options, roles, tags or files.
 * 3. Validation reports every problem, each with the path of its option, a code and a hint.
 * 4. A size is bytes, a duration seconds, money micro-units; text with units stands only in declarations.
 */
export { type ApiLimits, type ApiSpec, apiRoles, changeEvents, type JwtSpec, type WebhookSpec } from "./api.ts";
export { type Ages, isOver, withoutOver } from "./branch-time.ts";
export {
  type BucketSpec,
  bucketLabel,
  bucketOptions,
  type DeclaredBucket,
  resolveBucket,
  type WebsiteSpec,
} from "./buckets.ts";
export { canonicalJson, deepFreeze, specHash } from "./canonical.ts";
export {
  defaultQuota,
  defaults,
  findSize,
  limits,
  type NamedSize,
  namedSizes,
  versions,
  versionsOn,
} from "./catalogue.ts";
export { isCidr } from "./cidr.ts";
export { type Change, type DatabaseDiff, diffProject, type ProjectDiff } from "./diff.ts";
export {
  bucketParent,
  currencyChanged,
  duplicateName,
  overAtOnce,
  parentUnknown,
  type Resolved,
  type SpecProblem,
  unknownField,
} from "./errors.ts";
export {
  isName,
  type Named,
  namePattern,
  nameProblem,
  nearest,
  type ObjectNames,
  objectNames,
  oneLine,
  shown,
} from "./names.ts";
export { previewBranches, previewLabel } from "./previews.ts";
export { type DeclaredBranch, resolveBranch } from "./resolve-branch.ts";
export { connectionLimits, type DeclaredDatabase, knownOptions, resolveDatabase } from "./resolve-database.ts";
export { type DeclaredFleet, fleetKinds, resolveFleet, resolveFleetPart } from "./resolve-fleet.ts";
export { memberUser, projectOptions, resolveProject, resolveTenant } from "./resolve-project.ts";
export { branchOptions, engineDefaults, optionSchemas } from "./schema.ts";
export * from "./types.ts";
export {
  durationSeconds,
  formatDurationSeconds,
  formatSizeBytes,
  parseDurationSeconds,
  parseSizeBytes,
  sizeBytes,
} from "./units.ts";
export { type BudgetSpec, type ChannelSpec, type Topic, topics } from "./watch.ts";
