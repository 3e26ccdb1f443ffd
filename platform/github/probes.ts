import { type Call, isFault, once, type Repository } from "./call.ts";
import { githubForbidden, githubNotFound } from "./errors.ts";

/** Requests that show whether a permission is there and change nothing: they ask for what cannot be. */
export type Probes = {
  /** False when the host forbids it to our credential. */
  may(permission: string): Promise<boolean>;
};

const nowhere = "0".repeat(40);

export function makeProbes(call: Call, repository: Repository): Probes {
  type Ask = (rest: Parameters<Parameters<Call>[1]>[0]["rest"]) => Promise<unknown>;
  const asks: Readonly<Record<string, Ask>> = {
    metadata: (rest) => rest.repos.get(repository),
    contents: (rest) =>
      rest.git.createRef({ ...repository, ref: "refs/heads/nebula-check", sha: nowhere, request: once }),
    pull_requests: (rest) =>
      rest.pulls.create({ ...repository, title: "check", head: "nebula-check", base: "nebula-check", request: once }),
    statuses: (rest) => rest.repos.createCommitStatus({ ...repository, sha: nowhere, state: "pending", request: once }),
    checks: (rest) => rest.checks.create({ ...repository, name: "check", head_sha: nowhere, request: once }),
    deployments: (rest) => rest.repos.createDeployment({ ...repository, ref: nowhere, request: once }),
    repository_hooks: (rest) => rest.repos.listWebhooks({ ...repository, per_page: 1 }),
    administration: (rest) => rest.repos.getBranchProtection({ ...repository, branch: "nebula-check" }),
  };
  return {
    async may(permission) {
      const ask = asks[permission];
      if (ask === undefined) return true;
      try {
        await call(`try the permission ${permission}`, ({ rest }) => ask(rest));
        return true;
      } catch (thrown) {
        if (isFault(thrown, githubForbidden)) return false;
        // GitHub hides what may not be changed behind 404; where reading would be 404 too, it says nothing.
        if (isFault(thrown, githubNotFound)) return permission === "administration";
        if ((thrown as { retry?: unknown }).retry === true) throw thrown;
        return true; // refused for what it said, so it was allowed to say it
      }
    },
  };
}
