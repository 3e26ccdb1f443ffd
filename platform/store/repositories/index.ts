export { approveHistory, markSeen, stallRepository } from "./mark-repository.ts";
export { putRepository, type RepositoryWanted } from "./put-repository.ts";
export { findRepository, getRepository, listRepositories } from "./read-repositories.ts";
export { type RepositoryRow, repositoryContext } from "./repository.ts";
