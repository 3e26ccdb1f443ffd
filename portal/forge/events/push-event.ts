import type { Commit } from "../../../platform/git/index.ts";
import type { Context } from "../context.ts";
import { type Account, readAuthors } from "../store/accounts.ts";
import type { Repository } from "../store/repositories.ts";
import { timestamp } from "../wire/values.ts";
import type { ForgeEvent } from "./emit.ts";

export type RefChange = { readonly name: string; readonly before: string | null; readonly after: string | null };

const zero = "0".repeat(40);
const listedCommits = 20;

export function pushEvent(
  context: Context,
  repository: Repository,
  sender: Account,
  change: RefChange,
  forced: boolean,
): ForgeEvent {
  const { name, before, after } = change;
  return {
    name: "push",
    action: null,
    repository,
    sender,
    build: async (sql) => {
      const git = context.repositories.git(repository);
      const hashes = await broughtBy(context, repository, change);
      const shown = hashes.slice(-listedCommits);
      const head = after === null ? undefined : await git.commit(after);
      const commits = (await Promise.all(shown.map((hash) => git.commit(hash)))).filter(
        (commit) => commit !== undefined,
      );
      const all = [...commits, ...(head === undefined ? [] : [head])];
      const authors = await readAuthors(
        sql,
        all.flatMap((commit) => [commit.author.email, commit.committer.email]),
      );
      const toWire = (commit: Commit) => commitToWire(context, repository, commit, authors);
      return {
        ref: name,
        before: before ?? zero,
        after: after ?? zero,
        pusher: { name: sender.login, email: sender.email },
        created: before === null,
        deleted: after === null,
        forced,
        base_ref: null,
        compare: context.urls.html(
          repository,
          `/compare/${(before ?? zero).slice(0, 12)}...${(after ?? zero).slice(0, 12)}`,
        ),
        commits: await Promise.all(commits.map(toWire)),
        head_commit: head === undefined ? null : await toWire(head),
      };
    },
  };
}

/** Oldest first. A new branch brings what the default branch does not have. */
async function broughtBy(
  context: Context,
  repository: Repository,
  { name, before, after }: RefChange,
): Promise<readonly string[]> {
  const git = context.repositories.git(repository);
  if (after === null || (await git.typeOf(after)) !== "commit") return [];
  const known = `refs/heads/${repository.defaultBranch}`;
  const exclude = before ?? (name === known ? undefined : await git.revParse(known));
  return exclude === undefined ? [] : git.revList(after, { exclude, reverse: true });
}

async function commitToWire(
  context: Context,
  repository: Repository,
  commit: Commit,
  authors: ReadonlyMap<string, Account>,
) {
  const git = context.repositories.git(repository);
  const changes = await git.diffTree(commit.parents[0] ?? null, commit.hash);
  const paths = (...statuses: string[]) =>
    changes.filter(({ status }) => statuses.includes(status)).map(({ path }) => path);
  const person = ({ name, email }: Commit["author"]) => {
    const account = authors.get(email.toLowerCase());
    return { name, email, ...(account === undefined ? {} : { username: account.login }) };
  };
  const moved = changes.flatMap(({ previousPath, status }) =>
    status === "renamed" && previousPath !== null ? [previousPath] : [],
  );
  return {
    id: commit.hash,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message.replace(/\n$/, ""),
    timestamp: timestamp(commit.author.at),
    url: context.urls.html(repository, `/commit/${commit.hash}`),
    author: person(commit.author),
    committer: person(commit.committer),
    added: paths("added", "copied", "renamed"),
    removed: [...paths("removed"), ...moved],
    modified: paths("modified", "type-changed"),
  };
}
