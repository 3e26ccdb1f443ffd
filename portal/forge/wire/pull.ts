import type { Account } from "../store/accounts.ts";
import type { Pull } from "../store/pulls.ts";
import type { Repository } from "../store/repositories.ts";
import type { Urls } from "../urls.ts";
import { simpleUser, simpleUserOrNull } from "./account.ts";
import { repositoryToWire } from "./repository.ts";
import { nodeId, timestamp, timestampOrNull } from "./values.ts";

/** The form of a list. */
export function pullToWire(urls: Urls, repository: Repository, pull: Pull, accounts: ReadonlyMap<number, Account>) {
  const self = urls.repo(repository, `/pulls/${pull.number}`);
  const html = urls.html(repository, `/pull/${pull.number}`);
  const issue = urls.repo(repository, `/issues/${pull.number}`);
  const statuses = urls.repo(repository, `/statuses/${pull.headSha}`);
  const side = (ref: string, sha: string) => ({
    label: `${repository.owner.login}:${ref}`,
    ref,
    sha,
    user: simpleUser(urls, repository.owner),
    repo: repositoryToWire(urls, repository),
  });
  const author = accounts.get(pull.authorId);
  return {
    url: self,
    id: pull.id,
    node_id: nodeId("PullRequest", pull.id),
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    issue_url: issue,
    number: pull.number,
    state: pull.state,
    locked: false,
    title: pull.title,
    user: simpleUserOrNull(urls, author),
    body: pull.body,
    created_at: timestamp(pull.createdAt),
    updated_at: timestamp(pull.updatedAt),
    closed_at: timestampOrNull(pull.closedAt),
    merged_at: timestampOrNull(pull.mergedAt),
    merge_commit_sha: pull.mergeCommitSha,
    assignee: null,
    assignees: [],
    requested_reviewers: [],
    requested_teams: [],
    labels: [],
    milestone: null,
    draft: pull.draft,
    commits_url: `${self}/commits`,
    review_comments_url: `${self}/comments`,
    review_comment_url: urls.repo(repository, "/pulls/comments{/number}"),
    comments_url: `${issue}/comments`,
    statuses_url: statuses,
    head: side(pull.headRef, pull.headSha),
    base: side(pull.baseRef, pull.baseSha),
    _links: {
      self: { href: self },
      html: { href: html },
      issue: { href: issue },
      comments: { href: `${issue}/comments` },
      review_comments: { href: `${self}/comments` },
      review_comment: { href: urls.repo(repository, "/pulls/comments{/number}") },
      commits: { href: `${self}/commits` },
      statuses: { href: statuses },
    },
    author_association: associationOf(author),
    auto_merge: null,
    active_lock_reason: null,
  };
}

export const associationOf = (account: Account | undefined): string => (account?.type === "User" ? "MEMBER" : "NONE");

export type PullDetails = {
  readonly mergeable: boolean | null;
  readonly state: string;
  readonly comments: number;
  readonly commits: number;
  readonly additions: number;
  readonly deletions: number;
  readonly changedFiles: number;
};

/** The form of a single one, and of its events. */
export function fullPullToWire(
  urls: Urls,
  repository: Repository,
  pull: Pull,
  accounts: ReadonlyMap<number, Account>,
  details: PullDetails,
) {
  return {
    ...pullToWire(urls, repository, pull, accounts),
    merged: pull.mergedAt !== null,
    mergeable: details.mergeable,
    rebaseable: details.mergeable,
    mergeable_state: details.state,
    merged_by: simpleUserOrNull(urls, pull.mergedById === null ? undefined : accounts.get(pull.mergedById)),
    comments: details.comments,
    review_comments: 0,
    maintainer_can_modify: false,
    commits: details.commits,
    additions: details.additions,
    deletions: details.deletions,
    changed_files: details.changedFiles,
  };
}
