import type { Clock, Observe, Secret, UrlPolicy, Vault } from "../../platform/core/index.ts";
import {
  type GitHub,
  type GitHubAuth,
  githubUnauthorised,
  makeGates,
  makeGitHub,
} from "../../platform/github/index.ts";
import { type RepositoryRow, repositoryContext } from "../../platform/store/index.ts";

/** The Git host of a repository, as the App's installation where there is one: check runs need it. */
export type Hosts = {
  of(repository: RepositoryRow): GitHub;
  /** What a delivery may be signed with, newest first: two while a rotation overlaps. */
  hookSecrets(repository: RepositoryRow): readonly Secret[];
};

/** What may be connected to, and who is told when a host is paused. Absent: what suits the embedded forge. */
export type HostsOptions = {
  readonly policy?: UrlPolicy;
  readonly observe?: Observe;
  readonly clock?: Clock;
  /** Of one request. */
  readonly timeoutMs?: number;
};

export function makeHosts(vault: Vault, { policy, timeoutMs, ...options }: HostsOptions = {}): Hosts {
  const known = new Map<string, { readonly key: string; readonly host: GitHub }>();
  const gateOf = makeGates(options);
  return {
    of(repository) {
      const { id, owner, name, apiUrl, appId, appKeySealed, installationId, botTokenSealed } = repository;
      const key = JSON.stringify([owner, name, apiUrl, appId, appKeySealed, installationId, botTokenSealed]);
      const found = known.get(id);
      if (found?.key === key) return found.host;
      const host = makeGitHub({
        ...{ apiUrl, repository: { owner, name }, auth: authOf(repository, vault), gate: gateOf(apiUrl) },
        ...(policy === undefined ? {} : { policy }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
      known.set(id, { key, host });
      return host;
    },
    hookSecrets(repository) {
      const { id, hookSecretSealed, hookSecretOldSealed, hookSecretOldUntil } = repository;
      const open = (sealed: string) => vault.open(sealed, repositoryContext(id, "hook-secret"));
      const isOver = hookSecretOldUntil !== null && hookSecretOldUntil.getTime() <= Date.now();
      return [open(hookSecretSealed), ...(hookSecretOldSealed === null || isOver ? [] : [open(hookSecretOldSealed)])];
    },
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
  if (botTokenSealed === null)
    throw githubUnauthorised(`no credential is kept for ${repository.owner}/${repository.name}`);
  return { kind: "token", token: vault.open(botTokenSealed, repositoryContext(id, "bot-token")) };
}
