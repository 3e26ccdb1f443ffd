import { splitRecords } from "../../../platform/git/index.ts";
import type { RepositoryCall } from "../http/route.ts";

const maxEntries = 100_000;

/** A tree with the sizes of its blobs; recursive ones list the folders too and end, truncated, at 100,000 entries. */
export async function treeToWire({ git, repository, context }: RepositoryCall, tree: string, recursive: boolean) {
  const { stdout } = await git.run(["ls-tree", "-z", "-l", "--full-tree", ...(recursive ? ["-r", "-t"] : []), tree]);
  const lines = splitRecords(stdout);
  const entries = lines.slice(0, maxEntries).map((line) => {
    const tab = line.indexOf("\t");
    const [mode = "", type = "", sha = "", size = ""] = line.slice(0, tab).split(/ +/);
    const url = type === "commit" ? {} : { url: context.urls.repo(repository, `/git/${type}s/${sha}`) };
    return { path: line.slice(tab + 1), mode, type, sha, ...(type === "blob" ? { size: Number(size) } : {}), ...url };
  });
  return {
    sha: tree,
    url: context.urls.repo(repository, `/git/trees/${tree}`),
    tree: entries,
    truncated: lines.length > maxEntries,
  };
}
