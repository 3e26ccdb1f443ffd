import type { Context } from "../context.ts";
import { pageAnswer, pageOf, slicePage } from "../http/page.ts";
import { notFound } from "../http/refusal.ts";
import { param, parseBodySimply, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import {
  deleteProtection,
  findProtection,
  listProtections,
  type Protection,
  protectionBody,
  putProtection,
} from "../rules/protection.ts";
import { readAuthors } from "../store/accounts.ts";
import type { Repository } from "../store/repositories.ts";
import { encodePath } from "../urls.ts";
import { commitToWire } from "../wire/commit.ts";

export const branchRoutes = [
  repositoryRoute("GET", "/branches/*branch/protection", ["administration:read"], async (call) => {
    const { branch } = await existing(call);
    const protection = await findProtection(call.context.sql, call.repository.id, branch);
    if (protection === undefined) throw notFound();
    return { body: protectionToWire(call.context, call.repository, branch, protection) };
  }),
  repositoryRoute("PUT", "/branches/*branch/protection", ["administration:write"], async (call) => {
    const { branch } = await existing(call);
    const protection = parseBodySimply(call, protectionBody);
    await putProtection(call.context.sql, call.repository.id, branch, protection);
    return { body: protectionToWire(call.context, call.repository, branch, protection) };
  }),
  repositoryRoute("DELETE", "/branches/*branch/protection", ["administration:write"], async (call) => {
    if (!(await deleteProtection(call.context.sql, call.repository.id, param(call, "branch")))) throw notFound();
    return {};
  }),
  repositoryRoute("GET", "/branches", ["contents:read"], async (call) => {
    const { context, repository, git } = call;
    const [refs, protections] = await Promise.all([
      git.forEachRef("refs/heads/"),
      listProtections(context.sql, repository.id),
    ]);
    const wanted = call.query.get("protected");
    const all = refs
      .map((ref) => ({ name: ref.name.slice("refs/heads/".length), sha: ref.hash }))
      .filter(({ name }) => wanted === null || (wanted === "true") === protections.has(name));
    const page = pageOf(call);
    const items = slicePage(all, page).map(({ name, sha }) => ({
      name,
      commit: { sha, url: context.urls.repo(repository, `/commits/${sha}`) },
      ...summary(context, repository, name, protections.get(name)),
    }));
    return pageAnswer(items, page, all.length);
  }),
  repositoryRoute("GET", "/branches/*branch", ["contents:read"], async (call) => {
    const { context, repository } = call;
    const { branch, commit } = await existing(call);
    const authors = await readAuthors(context.sql, [commit.author.email, commit.committer.email]);
    const self = context.urls.repo(repository, `/branches/${encodePath(branch)}`);
    return {
      body: {
        name: branch,
        commit: commitToWire(context.urls, repository, commit, authors),
        _links: { self, html: context.urls.html(repository, `/tree/${encodePath(branch)}`) },
        ...summary(context, repository, branch, await findProtection(context.sql, repository.id, branch)),
      },
    };
  }),
];

async function existing(call: RepositoryCall) {
  const branch = param(call, "branch");
  const commit = await call.git.commit(`refs/heads/${branch}`);
  if (commit === undefined) throw notFound();
  return { branch, commit };
}

/** What anybody who may read the branch learns about its protection. */
function summary({ urls }: Context, repository: Repository, branch: string, protection: Protection | undefined) {
  const checks = protection?.requiredStatusChecks ?? null;
  return {
    protected: protection !== undefined,
    protection: {
      enabled: protection !== undefined,
      required_status_checks: {
        enforcement_level: checks === null ? "off" : protection?.enforceAdmins ? "everyone" : "non_admins",
        contexts: checks?.checks.map(({ context }) => context) ?? [],
        checks: checks?.checks.map(({ context, appId }) => ({ context, app_id: appId })) ?? [],
      },
    },
    protection_url: urls.repo(repository, `/branches/${encodePath(branch)}/protection`),
  };
}

function protectionToWire({ urls }: Context, repository: Repository, branch: string, protection: Protection) {
  const url = urls.repo(repository, `/branches/${encodePath(branch)}/protection`);
  const { requiredStatusChecks: statuses, requiredReviews: reviews } = protection;
  return {
    url,
    ...(statuses === null
      ? {}
      : {
          required_status_checks: {
            url: `${url}/required_status_checks`,
            strict: statuses.strict,
            contexts: statuses.checks.map(({ context }) => context),
            contexts_url: `${url}/required_status_checks/contexts`,
            checks: statuses.checks.map(({ context, appId }) => ({ context, app_id: appId })),
          },
        }),
    ...(reviews === null
      ? {}
      : {
          required_pull_request_reviews: {
            url: `${url}/required_pull_request_reviews`,
            dismiss_stale_reviews: reviews.dismissStale,
            require_code_owner_reviews: reviews.codeOwners,
            require_last_push_approval: reviews.lastPushApproval,
            required_approving_review_count: reviews.approvals,
          },
        }),
    required_signatures: { url: `${url}/required_signatures`, enabled: false },
    enforce_admins: { url: `${url}/enforce_admins`, enabled: protection.enforceAdmins },
    required_linear_history: { enabled: protection.linearHistory },
    allow_force_pushes: { enabled: protection.allowForcePushes },
    allow_deletions: { enabled: protection.allowDeletions },
    block_creations: { enabled: false },
    required_conversation_resolution: { enabled: false },
    lock_branch: { enabled: protection.lockBranch },
    allow_fork_syncing: { enabled: false },
  };
}
