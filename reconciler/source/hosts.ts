import type { Secret, Vault } from "../../platform/core/index.ts";
import { type GitHub, type GitHubAuth, makeGitHub } from "../../platform/github/index.ts";
import { type RepositoryRow, repositoryContext } from "../../platform/store/index.ts";

/** The Git host of a repository, as the App's installation where there is one: check runs need it. */
export type Hosts = {
  of(repository: RepositoryRow): GitHub;
  hookSecret(repository: RepositoryRow): Secret;
};

export function makeHosts(vault: Vault): Hosts {
  const known = new Map<string, { readonly key: string; readonly host: GitHub }>();
  return {
    of(repository) {
      const { id, owner, name, apiUrl, appId, appKeySealed, installationId, botTokenSealed } = repository;
      const key = JSON.stringify([owner, name, apiUrl, appId, appKeySealed, installationId, botTokenSealed]);
      const found = known.get(id);
      if (found?.key === key) return found.host;
      const host = makeGitHub({ apiUrl, repository: { owner, name }, auth: authOf(repository, vault) });
      known.set(id, { key, host });
      return host;
    },
    hookSecret: ({ id, hookSecretSealed }) => vault.open(hookSecretSealed, repositoryContext(id, "hook-secret")),
  };
}

function authOf(repository: RepositoryRow, vault: Vault): GitHubAuth {
  const { id, appId, appKeySealed, installationId, botTokenSealed } = repository;
  if (appId !== null && appKeySealed !== null && installationId !== null)
    return {
      kind: "app",
      appId,
      installationId,
      privateKey: vault.open(appKeySealed, repositoryContext(id, "app-key")),
    };
  return { kind: "token", token: vault.open(botTokenSealed, repositoryContext(id, "bot-token")) };
}
