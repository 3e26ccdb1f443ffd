import { rightsMissing, strangeFile } from "./errors.ts";
import { type Author, mayPropose, type Touched, touchedBy, touchedPaths } from "./paths.ts";
import { type StrangeFile, strangeFiles } from "./strange.ts";

/** A file as `git diff-tree` says it, between the base and the merge. */
export type TreeChange = {
  readonly path: string;
  readonly previousPath: string | null;
  /** 000000: it did not exist, or it is removed. */
  readonly oldMode: string;
  readonly newMode: string;
};

export type OwnershipFinding = {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly paths: readonly string[];
};

/**
 * Everything that stands against a change: files that nobody may bring, and those that its author has no right to touch. The one
 * function that decides it; the review posts what it finds, and the portal merges nothing with findings. Pure.
 * @param existing every path of the base below tenants/.
 */
export function judgeChange(
  changes: readonly TreeChange[],
  author: Author,
  existing: Iterable<string>,
): readonly OwnershipFinding[] {
  const strange = strangeFiles(
    changes.map(({ path, newMode, oldMode, previousPath }) => ({
      ...{ path, newMode },
      isNew: oldMode === "000000" || previousPath !== null,
    })),
    existing,
  );
  const paths = touchedPaths(changes);
  const denied = touchedBy(paths).filter((touched) => !mayPropose(author, touched));
  return [...strange.map(ofStrange), ...denied.map((touched) => ofDenied(author, touched, paths))];
}

function ofStrange({ path, why }: StrangeFile): OwnershipFinding {
  const { code, hint } = strangeFile.definition;
  return { code, hint, message: `${JSON.stringify(path)} ${why}`, paths: [path] };
}

function ofDenied(author: Author, touched: Touched, paths: readonly string[]): OwnershipFinding {
  const { code, hint } = rightsMissing.definition;
  const same = (one: Touched | undefined): boolean =>
    one?.propose === touched.propose && one.tenant === touched.tenant && one.project === touched.project;
  const own = paths.filter((path) => same(touchedBy([path])[0]));
  const where =
    touched.tenant === null
      ? "the platform's own files"
      : `${touched.tenant}${touched.project === null ? "" : `/${touched.project}`}`;
  const why =
    author.kind === "unknown"
      ? author.why
      : `${author.name} has no right there: it takes ${touched.propose} on ${where}`;
  return { code, hint, message: `${JSON.stringify(touched.path)}: ${why}`, paths: own };
}
