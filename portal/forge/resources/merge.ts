import { z } from "zod";
import { now } from "../context.ts";
import { withEvents } from "../events/emit.ts";
import { conflict, notAllowed, unprocessable } from "../http/refusal.ts";
import { parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { buildMerge } from "../rules/build-merge.ts";
import { personOf } from "../rules/commit-files.ts";
import { mergeObstacle } from "../rules/mergeability.ts";
import { moveRef } from "../rules/move-ref.ts";
import { findProtection } from "../rules/protection.ts";
import { followRef, markMerged } from "../rules/references.ts";
import { demandWorkflows } from "../rules/workflows.ts";
import { type Pull, updatePull } from "../store/pulls.ts";
import { thePull } from "./pulls.ts";

const sha = z.string().regex(/^[0-9a-f]{40}$/);
const mergeBody = z.object({
  commit_title: z.string().optional(),
  commit_message: z.string().optional(),
  sha: sha.optional(),
  merge_method: z.enum(["merge", "squash", "rebase"]).default("merge"),
});

export const mergeRoutes = [
  repositoryRoute("GET", "/pulls/:number/merge", ["pull_requests:read"], async (call) => {
    const pull = await thePull(call);
    return { status: pull.mergedAt === null ? 404 : 204 };
  }),
  repositoryRoute("PUT", "/pulls/:number/merge", ["contents:write"], async (call) => {
    const body = parseBody(call, "PullRequest", mergeBody);
    const commit = await call.context.repositories.exclusive(call.repository, () => merge(call, body));
    return { body: { sha: commit, merged: true, message: "Pull Request successfully merged" } };
  }),
  repositoryRoute("PUT", "/pulls/:number/update-branch", ["pull_requests:write"], updateBranch),
];

/**
 * Runs alone in its repository. The commit that is to become the base is written down before the base moves, so that a crash
 * between the two is recognised as a merge (rules/references.ts, refreshPulls).
 */
async function merge(call: RepositoryCall, body: z.infer<typeof mergeBody>): Promise<string> {
  const { context, repository, git, caller } = call;
  const pull = await thePull(call);
  const base = await admitMerge(call, pull, body);
  const commit = await buildMerge(context, repository, pull, base, {
    method: body.merge_method,
    title: body.commit_title,
    message: body.commit_message,
    by: caller.account(),
  });
  await demandWorkflows(git, caller, repository, base, commit);
  await updatePull(context.sql, pull.id, { mergeIntent: commit }, pull.updatedAt);
  await withEvents(context, async (sql, emit) => {
    const name = `refs/heads/${pull.baseRef}`;
    if ((await git.updateRef(name, commit, base)) === "moved")
      throw conflict("Base branch was modified. Review and try the merge again.");
    await markMerged(context, sql, emit, repository, pull, { by: caller.account(), commit, baseSha: base });
    await followRef(context, sql, emit, repository, { name, before: base, after: commit }, caller.account());
  });
  return commit;
}

/** The tip to merge into. @throws Refusal 405 not mergeable or a rule stands against it, 409 the head is another one. */
async function admitMerge(call: RepositoryCall, pull: Pull, body: z.infer<typeof mergeBody>): Promise<string> {
  const { context, repository, git, caller } = call;
  if (pull.state !== "open") throw notAllowed("Pull Request is not mergeable");
  if (pull.draft) throw notAllowed("Pull Request is still a draft");
  if (body.sha !== undefined && body.sha !== pull.headSha)
    throw conflict("Head branch was modified. Review and try the merge again.");
  const base = await git.revParse(`refs/heads/${pull.baseRef}`);
  if (base === undefined) throw notAllowed("Base branch does not exist");
  const protection = await findProtection(context.sql, repository.id, pull.baseRef);
  if (protection?.linearHistory && body.merge_method === "merge")
    throw notAllowed("Merge commits are not allowed on this repository.");
  const bypasses = protection?.enforceAdmins === false && caller.may(repository, "administration:write");
  const obstacle = bypasses ? undefined : await mergeObstacle(context, context.sql, repository, pull, base);
  if (obstacle !== undefined) throw notAllowed(obstacle.message);
  return base;
}

/** Merges the base into the head branch. */
async function updateBranch(call: RepositoryCall) {
  const { context, repository, git, caller } = call;
  const body = parseBody(call, "PullRequest", z.object({ expected_head_sha: sha.optional() }));
  const pull = await thePull(call);
  if (pull.state !== "open") throw unprocessable("Pull request is closed");
  if (body.expected_head_sha !== undefined && body.expected_head_sha !== pull.headSha)
    throw unprocessable("expected head sha didn't match current head ref.");
  const base = await git.revParse(`refs/heads/${pull.baseRef}`);
  if (base === undefined || (await git.isAncestor(base, pull.headSha)))
    throw unprocessable("There are no new commits on the base branch.");
  const merged = await git.mergeTree(pull.headSha, base);
  if (merged.kind === "conflict")
    throw unprocessable(`merge conflict between base and head: ${merged.paths.join(", ")}`);
  const commit = await git.commitTree({
    tree: merged.tree,
    parents: [pull.headSha, base],
    message: `Merge branch '${pull.baseRef}' into ${pull.headRef}`,
    author: personOf(caller.account(), now(context)),
  });
  await moveRef(call, `refs/heads/${pull.headRef}`, { from: pull.headSha, to: commit });
  return {
    status: 202,
    body: { message: "Updating pull request branch.", url: context.urls.repo(repository, `/pulls/${pull.number}`) },
  };
}
