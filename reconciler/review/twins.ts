import { posix } from "node:path";
import { migrationTwin } from "../../platform/evaluate/index.ts";
import { numberOf } from "../../platform/migrations/index.ts";
import type { DeclarationProblem } from "../../platform/spec/index.ts";

type Paths = { has(path: string): boolean; keys(): Iterable<string> };

/**
 * Of two migrations with one number the one that a change brings has to give way. The evaluation sees one tree and takes them by
 * their names; the base says which of them was there before. Pure.
 */
export function blameNewTwins(
  problems: readonly DeclarationProblem[],
  base: Pick<Paths, "has">,
  head: Pick<Paths, "keys">,
): readonly DeclarationProblem[] {
  const moved = problems.flatMap((problem): readonly DeclarationProblem[] => {
    const { file, code } = problem;
    if (code !== migrationTwin.definition.code || !base.has(file)) return [problem];
    const number = numberOf(posix.basename(file));
    const isNewTwin = (path: string): boolean =>
      posix.dirname(path) === posix.dirname(file) &&
      path.endsWith(".sql") &&
      numberOf(posix.basename(path)) === number &&
      !base.has(path);
    const added = [...head.keys()].filter(isNewTwin);
    const message = `${posix.basename(file)} has the number ${number} already`;
    return added.length === 0 ? [problem] : added.map((path) => ({ ...problem, file: path, message }));
  });
  // One that the evaluation had blamed already is told once.
  return [...new Map(moved.map((one) => [`${one.file}\0${one.line}\0${one.column}\0${one.message}`, one])).values()];
}
