import {
  ignoreObservations,
  type Observe,
  type Secret,
  type UrlPolicy,
  type Vault,
} from "../../platform/core/index.ts";
import {
  type GitHub,
  type GitHubAuth,
  githubUnauthorised,
  makeGates,
  makeGitHub,
} from "../../platform/github/index.ts";
import { type RepositoryRow, repositoryContext } from "../../platform/store/index.ts";

/** How this portal reaches Git hosts: as its bot where there is a token, else as the App, and as the App for what an App does. */
export type GitDesk = {
  readonly settings: GitSettings;
  /** Who opens pull requests: the portal's bot, else the App's installation. */
  hostOf(repository: RepositoryRow): GitHub;
  /** Who sets up webhooks and is inspected: the App's installation, else the token. */
  appOf(repository: RepositoryRow): GitHub;
  /** A host that is not registered yet. */
  connect(to: {
    readonly apiUrl: string;
    readonly owner: string;
    readonly name: string;
    readonly auth: GitHubAuth;
  }): GitHub;
};

export type GitSettings = {
  /** Which Git hosts may be asked (NEBULA_GIT_HOSTS, NEBULA_PRIVATE_HOSTS). */
  readonly policy: UrlPolicy;
  /** Where the reconciler's receiver is reached from Git hosts elsewhere (NEBULA_HOOK_URL); null: they are polled. */
  readonly hookUrl: string | null;
  readonly pollSeconds: number;
  /** The App that repositories are registered with when a request names no other (NEBULA_GITHUB_APP_ID, _KEY). */
  readonly app: { readonly appId: number; readonly privateKey: Secret } | null;
};

/** For a portal on loopback beside the embedded forge. */
export const localGit: GitSettings = {
  policy: { hosts: ["github.com", "api.github.com"], inside: ["127.0.0.1"] },
  ...{ hookUrl: null, pollSeconds: 30, app: null },
};

export function makeGitDesk(vault: Vault, settings: GitSettings, observe: Observe = ignoreObservations): GitDesk {
  const gateOf = makeGates({ observe });
  const known = new Map<string, { readonly key: string; readonly host: GitHub }>();
  const connect: GitDesk["connect"] = ({ apiUrl, owner, name, auth }) =>
    makeGitHub({ apiUrl, repository: { owner, name }, auth, policy: settings.policy, gate: gateOf(apiUrl) });
  /** A client a repository and role; a new one when how it is reached has changed. */
  const kept = (as: "bot" | "app", row: RepositoryRow, auth: () => GitHubAuth): GitHub => {
    const { id, owner, name, apiUrl, appId, appKeySealed, installationId, botTokenSealed } = row;
    const key = JSON.stringify([owner, name, apiUrl, appId, appKeySealed, installationId, botTokenSealed]);
    const found = known.get(`${as} ${id}`);
    if (found?.key === key) return found.host;
    const host = connect({ apiUrl, owner, name, auth: auth() });
    known.set(`${as} ${id}`, { key, host });
    return host;
  };
  return {
    settings,
    connect,
    hostOf: (row) => kept("bot", row, () => botAuth(row, vault) ?? appAuth(row, vault) ?? noCredential(row)),
    appOf: (row) => kept("app", row, () => appAuth(row, vault) ?? botAuth(row, vault) ?? noCredential(row)),
  };
}

const botAuth = ({ id, botTokenSealed }: RepositoryRow, vault: Vault): GitHubAuth | undefined =>
  botTokenSealed === null
    ? undefined
    : { kind: "token", token: vault.open(botTokenSealed, repositoryContext(id, "bot-token")) };

function appAuth({ id, appId, appKeySealed, installationId }: RepositoryRow, vault: Vault): GitHubAuth | undefined {
  if (appId === null || appKeySealed === null || installationId === null) return undefined;
  return { kind: "app", appId, installationId, privateKey: vault.open(appKeySealed, repositoryContext(id, "app-key")) };
}

function noCredential({ owner, name }: RepositoryRow): never {
  throw githubUnauthorised(`no credential is kept for ${owner}/${name}`);
}
