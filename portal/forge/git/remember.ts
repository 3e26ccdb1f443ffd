import { LRUCache } from "lru-cache";
import type { Git } from "../../../platform/git/index.ts";

/**
 * Remembers what git computed from full hashes: such an answer never changes. A pull request asks the same of the same
 * commits for its answer, its events and its merge, and each question would be a process.
 *
 * Not remembered for long: a computed tree that nothing refers to may be packed away after two weeks.
 */
export function rememberingGit(git: Git): Git {
  const known = new LRUCache<string, Promise<unknown>>({ max: 500, ttl: 3_600_000 });
  const once = <T>(
    name: string,
    hashes: readonly (string | null | undefined)[],
    compute: () => Promise<T>,
  ): Promise<T> => {
    if (!hashes.every((hash) => hash === null || /^[0-9a-f]{40}$/.test(hash ?? ""))) return compute();
    const key = `${name} ${hashes.join(" ")}`;
    const found = known.get(key) as Promise<T> | undefined;
    if (found !== undefined) return found;
    const computed = compute();
    known.set(key, computed);
    computed.then(
      (answer) => isLarge(answer) && known.delete(key),
      () => known.delete(key),
    );
    return computed;
  };
  return {
    ...git,
    isAncestor: (a, b) => once("isAncestor", [a, b], () => git.isAncestor(a, b)),
    mergeBase: (a, b) => once("mergeBase", [a, b], () => git.mergeBase(a, b)),
    aheadBehind: (a, b) => once("aheadBehind", [a, b], () => git.aheadBehind(a, b)),
    mergeTree: (ours, theirs) => once("mergeTree", [ours, theirs], () => git.mergeTree(ours, theirs)),
    diffPatch: (a, b) => once("diffPatch", [a, b], () => git.diffPatch(a, b)),
    diffTree: (a, b, options) =>
      options === undefined ? once("diffTree", [a, b], () => git.diffTree(a, b)) : git.diffTree(a, b, options),
    revList(revision, options = {}) {
      const { exclude, reverse = false, ...others } = options;
      const isPlain = exclude !== undefined && Object.keys(others).length === 0;
      const ask = () => git.revList(revision, options);
      return isPlain ? once(`revList ${reverse}`, [revision, exclude], ask) : ask();
    },
  };
}

/** Patches of megabytes are computed again rather than held. */
const isLarge = (answer: unknown): boolean =>
  Array.isArray(answer) &&
  (answer.length > 10_000 || answer.reduce((sum, { patch }) => sum + (patch?.length ?? 0), 0) > 1 << 20);
