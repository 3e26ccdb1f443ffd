/**
 * Edits: a change of a declaration as a change of its text. Owns which bytes change and when an edit is refused. Does not own
 * where things stand (platform/syntax), whether the result is allowed (review), or the commit (portal/api). Pure.
 *
 * 1. The smallest stretch changes and nothing else: comments, formatting, quotes, line ends and unrelated code stay byte for
 *    byte. What is added follows the style of what stands beside it.
 * 2. A value is changed where it is written, a constant or another file of the project included, when nobody else reads it.
 *    What code computes, or others share, is refused with file:line:column and the reason; never overwritten.
 * 3. Asking for what is there already changes nothing.
 * 4. Every edit is read back before it is returned, and a file that does not parse never leaves.
 * 5. A deletion needs `retire: true` in the declaration; of a branch, which is a copy, it does not. Names and values come out as literals only: no input becomes code.
 */
export { createBranch } from "./branch.ts";
export { type BudgetEdit, type BudgetPlace, putBudget, removeBudget } from "./budgets.ts";
export { changeDatabase, createDatabase, deleteBranch, deleteDatabase, retireDatabase } from "./database.ts";
export * from "./errors.ts";
export { type MemberEdit, putMember, removeMember } from "./members.ts";
export { createProject } from "./project.ts";
export type { DatabasePlace, FileEdits, FileSet, Json, OptionsPatch, ProjectPlace } from "./types.ts";
