/**
 * The embedded Git host: an honest stranger that speaks GitHub's REST subset, git over HTTP, and webhooks.
 *
 * Owns: accounts, tokens, Apps, bare repositories, pull requests, comments, statuses, check runs, deployments, hooks and their
 * deliveries - in its own database and folder. Knows nothing of NebulaDB: it could be replaced by github.com, and everybody
 * but `portal/main.ts` and `portal/install` (which make and seed it) reaches it by HTTP alone.
 *
 * 1. git is the truth for references and objects; pull requests follow the references, whoever moved them.
 * 2. An event is written with the change that it tells of, in one transaction, and sent at once after the commit.
 * 3. A direct change of a protected branch obeys the same rules whether it comes by push or by REST.
 * 4. It answers what GitHub would answer, and offers nothing that GitHub would not; what it lacks is named in docs/forge.md.
 * 5. Tokens are kept as hashes, hook secrets sealed, private keys of Apps not at all.
 */
export type {
  AppMade,
  AppWish,
  Bootstrap,
  HookWish,
  ProtectionWish,
  RepositoryWish,
  TokenWish,
} from "./bootstrap.ts";
export type { Limits } from "./context.ts";
export { defaultLimits } from "./context.ts";
export type { Forge, ForgeOptions } from "./forge.ts";
export { makeForge } from "./forge.ts";
export type { Level, PermissionName, Permissions } from "./http/caller.ts";
export { forgeOperations } from "./resources/index.ts";
