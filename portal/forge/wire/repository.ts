import type { Caller } from "../http/caller.ts";
import type { Repository } from "../store/repositories.ts";
import type { Urls } from "../urls.ts";
import { simpleUser } from "./account.ts";
import { nodeId, timestamp } from "./values.ts";

const templates = {
  archive_url: "/{archive_format}{/ref}",
  assignees_url: "/assignees{/user}",
  blobs_url: "/git/blobs{/sha}",
  branches_url: "/branches{/branch}",
  collaborators_url: "/collaborators{/collaborator}",
  comments_url: "/comments{/number}",
  commits_url: "/commits{/sha}",
  compare_url: "/compare/{base}...{head}",
  contents_url: "/contents/{+path}",
  contributors_url: "/contributors",
  deployments_url: "/deployments",
  downloads_url: "/downloads",
  events_url: "/events",
  forks_url: "/forks",
  git_commits_url: "/git/commits{/sha}",
  git_refs_url: "/git/refs{/sha}",
  git_tags_url: "/git/tags{/sha}",
  hooks_url: "/hooks",
  issue_comment_url: "/issues/comments{/number}",
  issue_events_url: "/issues/events{/number}",
  issues_url: "/issues{/number}",
  keys_url: "/keys{/key_id}",
  labels_url: "/labels{/name}",
  languages_url: "/languages",
  merges_url: "/merges",
  milestones_url: "/milestones{/number}",
  notifications_url: "/notifications{?since,all,participating}",
  pulls_url: "/pulls{/number}",
  releases_url: "/releases{/id}",
  stargazers_url: "/stargazers",
  statuses_url: "/statuses/{sha}",
  subscribers_url: "/subscribers",
  subscription_url: "/subscription",
  tags_url: "/tags",
  teams_url: "/teams",
  trees_url: "/git/trees{/sha}",
} as const;

export function repositoryToWire(urls: Urls, repository: Repository, caller?: Caller) {
  const host = new URL(urls.base()).host;
  return {
    id: repository.id,
    node_id: nodeId("Repository", repository.id),
    name: repository.name,
    full_name: `${repository.owner.login}/${repository.name}`,
    private: repository.private,
    owner: simpleUser(urls, repository.owner),
    html_url: urls.html(repository),
    description: repository.description,
    fork: false,
    url: urls.repo(repository),
    ...Object.fromEntries(Object.entries(templates).map(([name, path]) => [name, urls.repo(repository, path)])),
    created_at: timestamp(repository.createdAt),
    updated_at: timestamp(repository.updatedAt),
    pushed_at: timestamp(repository.pushedAt),
    git_url: `git://${host}/${repository.owner.login}/${repository.name}.git`,
    ssh_url: `git@${host}:${repository.owner.login}/${repository.name}.git`,
    clone_url: urls.clone(repository),
    svn_url: urls.html(repository),
    homepage: null,
    size: 0,
    stargazers_count: 0,
    watchers_count: 0,
    language: null,
    has_issues: false,
    has_projects: false,
    has_downloads: false,
    has_wiki: false,
    has_pages: false,
    has_discussions: false,
    forks_count: 0,
    mirror_url: null,
    archived: false,
    disabled: false,
    open_issues_count: repository.openPulls,
    license: null,
    allow_forking: false,
    is_template: false,
    web_commit_signoff_required: false,
    topics: [],
    visibility: repository.private ? "private" : "public",
    forks: 0,
    open_issues: repository.openPulls,
    watchers: 0,
    default_branch: repository.defaultBranch,
    ...(caller === undefined ? {} : { permissions: accessOf(repository, caller) }),
  };
}

/** The longer form of a single repository. */
export function fullRepositoryToWire(urls: Urls, repository: Repository, caller: Caller) {
  const isOrganization = repository.owner.type === "Organization";
  return {
    ...repositoryToWire(urls, repository, caller),
    temp_clone_token: null,
    allow_squash_merge: true,
    allow_merge_commit: true,
    allow_rebase_merge: true,
    allow_auto_merge: false,
    delete_branch_on_merge: false,
    allow_update_branch: true,
    squash_merge_commit_title: "COMMIT_OR_PR_TITLE",
    squash_merge_commit_message: "COMMIT_MESSAGES",
    merge_commit_title: "MERGE_MESSAGE",
    merge_commit_message: "PR_TITLE",
    ...(isOrganization ? { organization: simpleUser(urls, repository.owner) } : {}),
    network_count: 0,
    subscribers_count: 0,
  };
}

function accessOf(repository: Repository, caller: Caller) {
  const push = caller.may(repository, "contents:write");
  const admin = caller.may(repository, "administration:write");
  return { admin, maintain: admin, push, triage: push, pull: caller.sees(repository) };
}
