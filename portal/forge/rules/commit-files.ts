import type { Git, Person, TreeEntry } from "../../../platform/git/index.ts";
import { type Context, now } from "../context.ts";
import { unprocessable } from "../http/refusal.ts";
import type { Account } from "../store/accounts.ts";
import type { Repository } from "../store/repositories.ts";
import { afterRefChanges } from "./references.ts";

/** A change of one path: a new entry, or null for its removal. */
export type TreeChange = {
  readonly path: string;
  readonly entry: { readonly mode: string; readonly hash: string } | null;
};

const slot: Readonly<Record<string, TreeEntry["type"]>> = { "040000": "tree", "160000": "commit" };

/**
 * A tree made from another one (null: from nothing) by changing paths; only the folders on the way are written again.
 * Folders that become empty go, as git has none. @throws Refusal 422 when an object is not there.
 */
export async function editTree(git: Git, base: string | null, changes: readonly TreeChange[]): Promise<string | null> {
  const here = new Map((base === null ? [] : await git.lsTree(base)).map((entry) => [entry.path, entry]));
  const below = new Map<string, TreeChange[]>();
  for (const { path, entry } of changes) {
    const [name = "", ...rest] = path.split("/");
    if (rest.length > 0) below.set(name, [...(below.get(name) ?? []), { path: rest.join("/"), entry }]);
    else if (entry === null) here.delete(name);
    else here.set(name, { ...entry, type: slot[entry.mode] ?? "blob", path: name });
  }
  for (const [name, inner] of below) {
    const folder = here.get(name);
    const tree = await editTree(git, folder?.type === "tree" ? folder.hash : null, inner);
    if (tree === null) here.delete(name);
    else here.set(name, { mode: "040000", type: "tree", hash: tree, path: name });
  }
  if (here.size === 0) return null;
  try {
    return await git.mktree([...here.values()]);
  } catch {
    throw unprocessable("tree.sha does not exist in this repository or is of another type");
  }
}

/** Paths that cannot be in a tree, or that every client would have to fear. */
export const isTreePath = (path: string): boolean =>
  path !== "" &&
  !path.includes("\0") &&
  path.split("/").every((part) => part !== "" && !/^\.{1,2}$|^\.git$/i.test(part));

export const personOf = (account: Account, at: Date): Person => ({
  name: account.name ?? account.login,
  email: account.email,
  at: at.getTime(),
});

/** The first commit of an empty repository, on its default branch. */
export async function writeSnapshot(
  context: Context,
  repository: Repository,
  { files, message, author }: { files: ReadonlyMap<string, string | Buffer>; message: string; author: Account },
): Promise<string> {
  const git = context.repositories.git(repository);
  for (const path of files.keys()) if (!isTreePath(path)) throw unprocessable(`${path} is not a path`);
  const commit = await git.importFiles(files, { message, author: personOf(author, now(context)) });
  const name = `refs/heads/${repository.defaultBranch}`;
  if ((await git.updateRef(name, commit, null)) === "updated")
    await afterRefChanges(context, repository, [{ name, before: null, after: commit }], author);
  return commit;
}
