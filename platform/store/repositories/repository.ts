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
  readonly botTokenSealed: string;
  /** Newest commit of the default branch whose changes are queued. */
  readonly seenCommit: string | null;
  readonly seenAt: Date | null;
  /** Why nothing is queued any more, until somebody clears it: a code and a sentence. */
  readonly stalledCode: string | null;
  readonly stalledReason: string | null;
};

export const repositoryColumns = `id, owner, name, default_branch as "defaultBranch", api_url as "apiUrl",
  git_url as "gitUrl", app_id as "appId", app_key_sealed as "appKeySealed", installation_id as "installationId",
  hook_secret_sealed as "hookSecretSealed", bot_token_sealed as "botTokenSealed", seen_commit as "seenCommit",
  seen_at as "seenAt", stalled_code as "stalledCode", stalled_reason as "stalledReason"`;

/** The vault context under which a repository's sealed field opens. */
export const repositoryContext = (id: string, field: "app-key" | "hook-secret" | "bot-token"): string =>
  `repository:${id}:${field}`;
