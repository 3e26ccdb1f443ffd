import { randomBytes } from "node:crypto";
import type { Octokit } from "@octokit/rest";
import type { Bench } from "./target.ts";

export type Repo = { readonly owner: string; readonly repo: string };

/** A new private repository with one commit (README.md) on main. */
export async function newRepository({ target, as }: Bench): Promise<Repo> {
  const name = `suite-${randomBytes(5).toString("hex")}`;
  await as.admin.repos.createInOrg({ org: target.owner, name, private: true, auto_init: true });
  return { owner: target.owner, repo: name };
}

export async function tip(client: Octokit, repo: Repo, branch = "main"): Promise<string> {
  return (await client.git.getRef({ ...repo, ref: `heads/${branch}` })).data.object.sha;
}

/** Commits files on a branch, making it from `from` (default: main) when it is new. Text null removes. */
export async function commitOn(
  client: Octokit,
  repo: Repo,
  branch: string,
  files: Readonly<Record<string, string | null>>,
  { message = `Change ${Object.keys(files).join(", ")}`, from = "main" } = {},
): Promise<string> {
  const existing = await client.git.getRef({ ...repo, ref: `heads/${branch}` }).catch(() => undefined);
  const parent = existing?.data.object.sha ?? (await tip(client, repo, from));
  const tree = await client.git.createTree({
    ...repo,
    base_tree: parent,
    tree: Object.entries(files).map(([path, content]) =>
      content === null
        ? { path, mode: "100644" as const, type: "blob" as const, sha: null }
        : { path, mode: "100644" as const, type: "blob" as const, content },
    ),
  });
  const commit = await client.git.createCommit({ ...repo, message, tree: tree.data.sha, parents: [parent] });
  if (existing === undefined)
    await client.git.createRef({ ...repo, ref: `refs/heads/${branch}`, sha: commit.data.sha });
  else await client.git.updateRef({ ...repo, ref: `heads/${branch}`, sha: commit.data.sha });
  return commit.data.sha;
}

/** A branch with a change of its own, and a pull request from it into main. */
export async function openPull(
  client: Octokit,
  repo: Repo,
  branch: string,
  files: Readonly<Record<string, string | null>>,
  title = `Change ${branch}`,
) {
  const sha = await commitOn(client, repo, branch, files);
  const pull = await client.pulls.create({ ...repo, title, head: branch, base: "main", body: `About ${branch}` });
  return { number: pull.data.number, sha, data: pull.data };
}

export const protection = (contexts: readonly string[], changes: Record<string, unknown> = {}) => ({
  required_status_checks: { strict: false, contexts: [...contexts] },
  enforce_admins: true,
  required_pull_request_reviews: null,
  restrictions: null,
  ...changes,
});
