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
  const denied = touchedPaths(changes)
    .flatMap((path) => touchedBy([path]))
    .filter((touched) => !mayPropose(author, touched));
  const folders = Map.groupBy(denied, ({ propose, tenant, project }) => `${propose} ${tenant} ${project}`);
  return [...strange.map(ofStrange), ...[...folders.values()].flatMap((touched) => ofDenied(author, touched))];
}

function ofStrange({ path, why }: StrangeFile): OwnershipFinding {
  const { code, hint } = strangeFile.definition;
  return { code, hint, message: `${JSON.stringify(path)} ${why}`, paths: [path] };
}

/** One finding a folder, however many of its files. */
function ofDenied(author: Author, touched: readonly Touched[]): OwnershipFinding[] {
  const [first] = touched;
  if (first === undefined) return [];
  const { code, hint } = rightsMissing.definition;
  const where =
    first.tenant === null ? "the platform's own files" : [first.tenant, first.project ?? []].flat().join("/");
  const why =
    author.kind === "unknown" ? author.why : `${author.name} has no right there: it takes ${first.propose} on ${where}`;
  return [{ code, hint, message: `${JSON.stringify(first.path)}: ${why}`, paths: touched.map(({ path }) => path) }];
}
