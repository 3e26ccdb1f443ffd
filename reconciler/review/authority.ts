import type { Git } from "../../platform/git/index.ts";
import type { DeclarationProblem } from "../../platform/spec/index.ts";
import { getFleet, type RepositoryRow } from "../../platform/store/index.ts";
import { type AuthoritySpecs, authorityNotReviewed, readAuthority, type SourceParts } from "../source/index.ts";
import type { Trees } from "./trees.ts";

/** The rules a change is held to, always the base's, and what is wrong with the rules that the head brings. */
export type Rules = {
  readonly base: AuthoritySpecs;
  readonly headProblems: readonly DeclarationProblem[];
  /** What the change would make of them: nobody is held to it. Absent where it leaves them as they are. */
  readonly head?: AuthoritySpecs;
};

export async function readRules(
  { sql, evaluator }: SourceParts,
  git: Git,
  repository: RepositoryRow,
  trees: Trees,
): Promise<Rules> {
  const known = await getFleet(sql, repository.id);
  // Rules that nobody reviewed stand in the base, and hold for nobody.
  const isHeld = repository.stalledCode === authorityNotReviewed.definition.code;
  const fresh = known?.inputs === trees.base.authorityHash && known.problems.length === 0;
  const base =
    known !== undefined && (isHeld || fresh)
      ? { ...known, problems: [] }
      : await readAuthority(git, trees.base, evaluator);
  if (trees.head.authorityHash === trees.base.authorityHash) return { base, headProblems: [] };
  const head = await readAuthority(git, trees.head, evaluator);
  const old = new Set(base.problems.map(wordOf));
  return { base, head, headProblems: head.problems.filter((problem) => !old.has(wordOf(problem))) };
}

/** What is wrong without where: a problem that moved down a line is not new. */
const wordOf = ({ file, code, message }: DeclarationProblem): string => `${file} ${code} ${message}`;
