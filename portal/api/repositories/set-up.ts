import { asNebulaError, type Secret } from "../../../platform/core/index.ts";
import { type GitHub, hookEvents, requiredContexts } from "../../../platform/github/index.ts";
import { putHook, type RepositoryRow, repositoryContext } from "../../../platform/store/index.ts";
import type { Portal } from "../portal.ts";
import { usesApp } from "./schemas.ts";

/** What was done at the host, and what a person has to do there because we may not. */
export type SetUp = {
  readonly done: readonly string[];
  readonly todo: readonly string[];
  /** Only where a person has to type it in. */
  readonly hookSecret: Secret | null;
};

type Part = { readonly done?: string; readonly todo?: string; readonly hookSecret?: Secret };

/** Webhook and branch protection, as far as we may; what fails becomes something to do, for the repository is connected. */
export async function setUpHost(portal: Portal, row: RepositoryRow, hookUrl: string | null): Promise<SetUp> {
  const host = portal.git.appOf(row);
  const page = (await host.describe().catch(() => undefined))?.url ?? "the repository's page";
  const parts = [await setUpHook(portal, row, hookUrl, page), await protect(host, row, page)];
  return {
    done: parts.flatMap(({ done }) => done ?? []),
    todo: parts.flatMap(({ todo }) => todo ?? []),
    hookSecret: parts.find(({ hookSecret }) => hookSecret !== undefined)?.hookSecret ?? null,
  };
}

export async function setUpHook(portal: Portal, row: RepositoryRow, url: string | null, page: string): Promise<Part> {
  const { sql, git, vault } = portal;
  if (url === null) {
    await putHook(sql, row.id, { hookId: null, hookUrl: null });
    return {
      todo: `No webhook: changes are found by polling, within ${git.settings.pollSeconds} s (NEBULA_HOOK_URL).`,
    };
  }
  const host = git.appOf(row);
  const secret = vault.open(row.hookSecretSealed, repositoryContext(row.id, "hook-secret"));
  try {
    if (await host.may("repository_hooks")) {
      const { id } = await host.ensureHook({ url, secret, events: hookEvents }, row.hookId ?? undefined);
      await putHook(sql, row.id, { hookId: id, hookUrl: url });
      return { done: `webhook ${id} to ${url}` };
    }
  } catch (thrown) {
    await putHook(sql, row.id, { hookId: row.hookId, hookUrl: url });
    return {
      todo: `The webhook was not set up (${asNebulaError(thrown).message}): \`nebula github rotate-hook\` tries again.`,
    };
  }
  await putHook(sql, row.id, { hookId: null, hookUrl: url });
  const todo =
    `At ${page}/settings/hooks, "Add webhook": payload URL ${url}, content type application/json, the secret shown here, ` +
    `events ${hookEvents.join(" and ")}.`;
  return { todo, hookSecret: secret };
}

/** Only a branch without any guard is protected by us: what people set up there is theirs. */
async function protect(host: GitHub, row: RepositoryRow, page: string): Promise<Part> {
  const todo =
    `At ${page}/settings/branches, protect ${row.defaultBranch}: require the status checks ${requiredContexts.join(", ")}` +
    `${usesApp(row) ? " (from this App)" : ""}, include administrators, and do not allow force pushes.`;
  try {
    const guard = await host.readBranchGuard(row.defaultBranch);
    if (guard === undefined)
      return { todo: `There is no branch ${row.defaultBranch} yet: push declarations. Then: ${todo}` };
    if (requiredContexts.every((context) => guard.contexts.includes(context))) return { done: "branch protection" };
    if (guard.isProtected) return { todo };
    await host.protectBranch(row.defaultBranch, requiredContexts, row.appId ?? undefined);
    return { done: `protection of ${row.defaultBranch}` };
  } catch {
    return { todo };
  }
}
