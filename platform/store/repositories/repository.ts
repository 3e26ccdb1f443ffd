/** A tenant repository this installation serves. Sealed fields open with vault context `repository:<id>:<field>`. */
export type RepositoryRow = {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly defaultBranch: string;
  /** GitHub REST base. */
  readonly apiUrl: string;
  readonly gitUrl: string;
  readonly appId: number | null;
  readonly appKeySealed: string | null;
  readonly installationId: number | null;
  readonly hookSecretSealed: string;
  /** Accepted as well: until `hookSecretOldUntil`, or while that is null, until the host has taken the new one. */
  readonly hookSecretOldSealed: string | null;
  readonly hookSecretOldUntil: Date | null;
  /** The webhook that we set up, as its host numbers it. */
  readonly hookId: number | null;
  /** Where it leads; null: none is wanted, the repository is polled. */
  readonly hookUrl: string | null;
  /** null: the App's installation is all there is. */
  readonly botTokenSealed: string | null;
  /** Newest commit of the default branch whose changes are queued. */
  readonly seenCommit: string | null;
  readonly seenAt: Date | null;
  /** Why nothing is queued any more, until somebody clears it: a code and a sentence. */
  readonly stalledCode: string | null;
  readonly stalledReason: string | null;
  /** Whether the Git host lets us do our work, as the last pass found it. */
  readonly hostState: "ok" | "degraded";
  readonly hostCode: string | null;
  readonly hostReason: string | null;
  readonly hostSince: Date | null;
};

export const repositoryColumns = `id, owner, name, default_branch as "defaultBranch", api_url as "apiUrl",
  git_url as "gitUrl", app_id as "appId", app_key_sealed as "appKeySealed", installation_id as "installationId",
  hook_secret_sealed as "hookSecretSealed", hook_secret_old_sealed as "hookSecretOldSealed",
  hook_secret_old_until as "hookSecretOldUntil", hook_id as "hookId", hook_url as "hookUrl",
  bot_token_sealed as "botTokenSealed", seen_commit as "seenCommit",
  seen_at as "seenAt", stalled_code as "stalledCode", stalled_reason as "stalledReason", host_state as "hostState",
  host_code as "hostCode", host_reason as "hostReason", host_since as "hostSince"`;

/** The vault context under which a repository's sealed field opens. */
export const repositoryContext = (id: string, field: "app-key" | "hook-secret" | "bot-token"): string =>
  `repository:${id}:${field}`;
