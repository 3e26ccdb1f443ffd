export { beginHookRotation, endHookRotation, putHook } from "./hook.ts";
export { countDegraded, type HostTrouble, markHost } from "./mark-host.ts";
export { approveHistory, markSeen, stallRepository } from "./mark-repository.ts";
export { putRepository, type RepositoryWanted } from "./put-repository.ts";
export { findRepository, getRepository, listRepositories } from "./read-repositories.ts";
export { removeRepository } from "./remove-repository.ts";
export { type RepositoryRow, repositoryContext } from "./repository.ts";
export {
  approveProtection,
  clearStall,
  getRepositorySafety,
  type RepositorySafety,
  recordProtection,
} from "./safety.ts";
