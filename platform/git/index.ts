/**
 * The only door to the git binary (2.38 or newer).
 *
 * Owns: starting git, its environment, its limits, parsing what it writes, translating what it says when it fails.
 * Does not own: which repository or reference anybody may see or write; that is the caller's.
 *
 * 1. Arguments are fixed lists, never a shell line; text from outside stands behind `--end-of-options`, `--` or on stdin.
 * 2. The environment is cleaned: no GIT_* from outside, no system or user configuration, no prompt, no hooks.
 * 3. A credential travels in the environment, never in an argument, an address or a message.
 * 4. Every command has a time and an output limit and is killed beyond them.
 * 5. Expected endings (no such revision, moved reference, merge conflict) are values; faults are NEB370-NEB379.
 */
export type { ObjectContent, ObjectInfo, ObjectType } from "./batch.ts";
export type { FileChange, FilePatch } from "./diff.ts";
export type { GitConfig } from "./environment.ts";
export * from "./errors.ts";
export type { FetchOptions, Git, Reader, Ref, Token } from "./git.ts";
export { checkRevision, makeGit } from "./git.ts";
export type { Commit, Person, TreeEntry } from "./objects.ts";
export { emptyTree, records as splitRecords, typeOfMode } from "./objects.ts";
export { initBare, maintain, minimumGit, requireGit } from "./repository.ts";
export type { Ran, RunOptions } from "./run.ts";
export { runGit } from "./run.ts";
export type { ServeOptions, Service } from "./serve.ts";
export { serveGit } from "./serve.ts";
export type { Merge, NewCommit, RefUpdate, Writer } from "./write.ts";
export { checkRefName, isRefName } from "./write.ts";
