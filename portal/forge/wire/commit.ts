import type { Commit, FilePatch } from "../../../platform/git/index.ts";
import type { Account } from "../store/accounts.ts";
import type { Repository } from "../store/repositories.ts";
import { encodePath, type Urls } from "../urls.ts";
import { simpleUserOrNull } from "./account.ts";
import { nodeId, timestamp } from "./values.ts";

const person = ({ name, email, at }: Commit["author"]) => ({ name, email, date: timestamp(at) });

const verification = (commit: Commit) => ({
  verified: false,
  reason: commit.signature === null ? "unsigned" : "unknown_key",
  signature: commit.signature,
  payload: null,
  verified_at: null,
});

/** Of the `git/commits` resource. */
export function gitCommitToWire(urls: Urls, repository: Repository, commit: Commit) {
  return {
    sha: commit.hash,
    node_id: nodeId("Commit", `${repository.id}:${commit.hash}`),
    url: urls.repo(repository, `/git/commits/${commit.hash}`),
    html_url: urls.html(repository, `/commit/${commit.hash}`),
    author: person(commit.author),
    committer: person(commit.committer),
    tree: { sha: commit.tree, url: urls.repo(repository, `/git/trees/${commit.tree}`) },
    message: commit.message.replace(/\n$/, ""),
    parents: commit.parents.map((sha) => ({
      sha,
      url: urls.repo(repository, `/git/commits/${sha}`),
      html_url: urls.html(repository, `/commit/${sha}`),
    })),
    verification: verification(commit),
  };
}

/** Of the `commits` resource. `authors` is by e-mail address. */
export function commitToWire(
  urls: Urls,
  repository: Repository,
  commit: Commit,
  authors: ReadonlyMap<string, Account>,
) {
  const at = (sha: string) => urls.repo(repository, `/commits/${sha}`);
  const account = (email: string) => simpleUserOrNull(urls, authors.get(email.toLowerCase()));
  return {
    sha: commit.hash,
    node_id: nodeId("Commit", `${repository.id}:${commit.hash}`),
    commit: {
      author: person(commit.author),
      committer: person(commit.committer),
      message: commit.message.replace(/\n$/, ""),
      tree: { sha: commit.tree, url: urls.repo(repository, `/git/trees/${commit.tree}`) },
      url: urls.repo(repository, `/git/commits/${commit.hash}`),
      comment_count: 0,
      verification: verification(commit),
    },
    url: at(commit.hash),
    html_url: urls.html(repository, `/commit/${commit.hash}`),
    comments_url: `${at(commit.hash)}/comments`,
    author: account(commit.author.email),
    committer: account(commit.committer.email),
    parents: commit.parents.map((sha) => ({ sha, url: at(sha), html_url: urls.html(repository, `/commit/${sha}`) })),
  };
}

/** A file of a commit, comparison or pull request. `sha` names the commit that the links show it at. */
export function fileToWire(urls: Urls, repository: Repository, sha: string, file: FilePatch) {
  const path = encodePath(file.path);
  const status = file.status === "type-changed" ? "changed" : file.status;
  return {
    sha: file.newHash ?? file.oldHash,
    filename: file.path,
    status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    blob_url: urls.html(repository, `/blob/${sha}/${path}`),
    raw_url: urls.html(repository, `/raw/${sha}/${path}`),
    contents_url: urls.repo(repository, `/contents/${path}?ref=${sha}`),
    ...(file.patch === null || file.patch.length > 512 * 1024 ? {} : { patch: file.patch }),
    ...(file.previousPath === null ? {} : { previous_filename: file.previousPath }),
  };
}

export function statsOf(files: readonly FilePatch[]) {
  const additions = files.reduce((sum, file) => sum + file.additions, 0);
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0);
  return { additions, deletions, total: additions + deletions };
}
