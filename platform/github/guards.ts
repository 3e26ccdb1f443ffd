import { type Call, isFault, orMissing, type Repository } from "./call.ts";
import { githubForbidden } from "./errors.ts";
import type { BranchGuard } from "./types.ts";

export type Guards = {
  /**
   * What guards a branch: classic protection and rule sets together. Without the permission `administration: read` only what
   * everybody may see of them is known. Undefined when there is no such branch.
   */
  readBranchGuard(branch: string): Promise<BranchGuard | undefined>;
  /**
   * Requires these statuses on a branch, for administrators too, and forbids force-pushes and deletion. Replaces the classic
   * protection that is there; needs `administration: write`. @throws NEB687 without it.
   */
  protectBranch(branch: string, contexts: readonly string[], appId?: number): Promise<void>;
};

export function makeGuards(call: Call, repository: Repository): Guards {
  return {
    async readBranchGuard(branch) {
      const shown = await orMissing(
        call(`read branch ${branch}`, async ({ rest }) => (await rest.repos.getBranch({ ...repository, branch })).data),
      );
      if (shown === undefined) return undefined;
      const [classic, rules] = await Promise.all([
        shown.protected ? readClassic(call, repository, branch) : undefined,
        readRules(call, repository, branch),
      ]);
      const contexts = [
        ...(shown.protection?.required_status_checks?.contexts ?? []),
        ...(classic?.contexts ?? []),
        ...rules.contexts,
      ];
      return {
        isProtected: shown.protected || rules.isAny,
        contexts: [...new Set(contexts)].sort(),
        ...(classic === undefined
          ? {}
          : {
              enforceAdmins: classic.enforceAdmins,
              allowsForcePushes: classic.allowsForcePushes && !rules.forbidsForcePushes,
            }),
      };
    },
    protectBranch: (branch, contexts, appId) =>
      call(`protect branch ${branch}`, async ({ rest }) => {
        const checks = contexts.map((context) => ({ context, ...(appId === undefined ? {} : { app_id: appId }) }));
        await rest.repos.updateBranchProtection({
          ...{ ...repository, branch, enforce_admins: true, restrictions: null },
          required_status_checks: { strict: false, contexts: [], checks },
          required_pull_request_reviews: null,
          allow_force_pushes: false,
          allow_deletions: false,
        });
      }),
  };
}

/** Undefined when our credential may not read it. */
async function readClassic(call: Call, repository: Repository, branch: string) {
  try {
    return await orMissing(
      call(`read the protection of ${branch}`, async ({ rest }) => {
        const { data } = await rest.repos.getBranchProtection({ ...repository, branch });
        return {
          contexts: data.required_status_checks?.contexts ?? [],
          enforceAdmins: data.enforce_admins?.enabled ?? false,
          allowsForcePushes: data.allow_force_pushes?.enabled ?? false,
        };
      }),
    );
  } catch (thrown) {
    if (isFault(thrown, githubForbidden)) return undefined;
    throw thrown;
  }
}

type Rule = {
  readonly type: string;
  readonly parameters?: { readonly required_status_checks?: readonly { readonly context: string }[] };
};

/** Rules in force on the branch, wherever they are declared; a host without rule sets has none. */
async function readRules(call: Call, repository: Repository, branch: string) {
  const rules =
    (await orMissing(
      call(`read the rules of ${branch}`, async (octokit) => {
        const path = "GET /repos/{owner}/{repo}/rules/branches/{branch}";
        return (await octokit.paginate(path, { ...repository, branch, per_page: 100 })) as readonly Rule[];
      }),
    )) ?? [];
  return {
    isAny: rules.length > 0,
    contexts: rules.flatMap(({ type, parameters }) =>
      type === "required_status_checks" ? (parameters?.required_status_checks ?? []).map(({ context }) => context) : [],
    ),
    forbidsForcePushes: rules.some(({ type }) => type === "non_fast_forward"),
  };
}
