import type { Git, Person } from "../../../platform/git/index.ts";
import { type Context, now } from "../context.ts";
import { notAllowed } from "../http/refusal.ts";
import { type Account, readAccounts } from "../store/accounts.ts";
import type { Pull } from "../store/pulls.ts";
import type { Repository } from "../store/repositories.ts";
import { personOf } from "./commit-files.ts";
import { pullCommits } from "./mergeability.ts";

export type MergeWish = {
  readonly method: "merge" | "squash" | "rebase";
  readonly title: string | undefined;
  readonly message: string | undefined;
  readonly by: Account;
};

/** The commit that the base would become. Moves nothing. @throws Refusal 405 when there is a conflict. */
export async function buildMerge(
  context: Context,
  repository: Repository,
  pull: Pull,
  base: string,
  wish: MergeWish,
): Promise<string> {
  const git = context.repositories.git(repository);
  const at = now(context);
  const host: Person = { name: "GitHub", email: "noreply@github.com", at: at.getTime() };
  if (wish.method === "rebase") return rebase(git, pull, base, { ...personOf(wish.by, at) });
  const merged = await git.mergeTree(base, pull.headSha);
  if (merged.kind === "conflict") throw notAllowed("Pull Request is not mergeable");
  if (wish.method === "merge") {
    const title = wish.title ?? `Merge pull request #${pull.number} from ${repository.owner.login}/${pull.headRef}`;
    return git.commitTree({
      tree: merged.tree,
      parents: [base, pull.headSha],
      message: joinMessage(title, wish.message ?? pull.title),
      author: personOf(wish.by, at),
      committer: host,
    });
  }
  const author = (await readAccounts(context.sql, [pull.authorId])).get(pull.authorId) ?? wish.by;
  const title = wish.title ?? `${pull.title} (#${pull.number})`;
  return git.commitTree({
    tree: merged.tree,
    parents: [base],
    message: joinMessage(title, wish.message ?? (await listMessages(git, pull))),
    author: personOf(author, at),
    committer: host,
  });
}

const joinMessage = (title: string, message: string) => (message === "" ? title : `${title}\n\n${message}`);

async function listMessages(git: Git, pull: Pull): Promise<string> {
  const hashes = await pullCommits(git, pull);
  if (hashes.length < 2) return "";
  const commits = await Promise.all(hashes.slice(0, 250).map((hash) => git.commit(hash)));
  return commits.map((commit) => `* ${commit?.message.trim() ?? ""}`).join("\n\n");
}

/**
 * Replays the commits one by one. A commit is picked onto a tip by merging it with a stand-in that has the tip's tree and the
 * commit's own parent, so that git takes that parent as the merge base.
 */
async function rebase(git: Git, pull: Pull, base: string, committer: Person): Promise<string> {
  const hashes = await pullCommits(git, pull);
  if (hashes.length > 100) throw notAllowed("This branch can't be rebased: it has more than 100 commits.");
  let tip = base;
  for (const hash of hashes) {
    const commit = await git.commit(hash);
    const [parent, ...others] = commit?.parents ?? [];
    if (commit === undefined || parent === undefined || others.length > 0)
      throw notAllowed("This branch can't be rebased: it contains merge commits.");
    const tree = (await git.commit(tip))?.tree ?? "";
    const standIn = await git.commitTree({ tree, parents: [parent], message: "stand-in", author: committer });
    const picked = await git.mergeTree(standIn, hash);
    if (picked.kind === "conflict") throw notAllowed("This branch can't be rebased: conflicts with the base.");
    tip = await git.commitTree({
      tree: picked.tree,
      parents: [tip],
      message: commit.message,
      author: commit.author,
      committer,
    });
  }
  return tip;
}
