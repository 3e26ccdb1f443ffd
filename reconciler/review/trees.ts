import { pathProblems } from "../../platform/evaluate/index.ts";
import type { FileChange, Git } from "../../platform/git/index.ts";
import { touchedPaths } from "../../platform/ownership/index.ts";
import type { DeclarationProblem } from "../../platform/spec/index.ts";
import { readSnapshot, type Snapshot } from "../source/index.ts";
import { notesOf } from "./changes.ts";
import { mergeConflict } from "./errors.ts";
import type { Note } from "./types.ts";

/** Both sides of a pull request: what the default branch says, and what it would say after the merge. */
export type Trees = {
  readonly base: Snapshot;
  /** Of the merge; of the head itself where it cannot be merged. */
  readonly head: Snapshot;
  readonly changes: readonly FileChange[];
  readonly notes: readonly Note[];
  /** Paths that the change brings and that cannot stand there. */
  readonly problems: readonly DeclarationProblem[];
  /** git's tree of the merge: what must be on the default branch afterwards. null when it cannot be merged. */
  readonly mergeTree: string | null;
};

/** Merges in memory, so that a head which is behind its base is not read as undoing what it lacks. */
export async function readTrees(
  git: Git,
  { base, head }: { readonly base: string; readonly head: string },
): Promise<Trees> {
  const merge = await git.mergeTree(base, head);
  const tree = merge.kind === "clean" ? merge.tree : head;
  // What cannot be merged is compared with where it began: the base went on, and that is not its author's doing.
  const from = merge.kind === "clean" ? base : ((await git.mergeBase(base, head)) ?? null);
  const [before, after, changes] = await Promise.all([
    readSnapshot(git, base),
    readSnapshot(git, tree),
    git.diffTree(from, tree),
  ]);
  const notes = notesOf(changes);
  const touched = new Set(touchedPaths(changes));
  const problems = pathProblems(after.modes.keys(), after.modes).filter(({ file }) => touched.has(file));
  return {
    base: before,
    head: after,
    changes,
    problems,
    mergeTree: merge.kind === "clean" ? tree : null,
    notes: merge.kind === "clean" ? notes : [conflict(merge.paths), ...notes],
  };
}

const conflict = (paths: readonly string[]): Note => ({
  check: "plan",
  severity: "error",
  code: mergeConflict.definition.code,
  message: "conflicts with its base",
  hint: mergeConflict.definition.hint,
  paths,
});
