import type { Sql } from "../../sql/index.ts";
import { type RepositoryRow, repositoryColumns } from "./repository.ts";

/** Who it is and how it is reached. */
export type RepositoryWanted = Pick<
  RepositoryRow,
  | "id"
  | "owner"
  | "name"
  | "defaultBranch"
  | "apiUrl"
  | "gitUrl"
  | "appId"
  | "appKeySealed"
  | "installationId"
  | "hookSecretSealed"
  | "botTokenSealed"
>;

/**
 * Registers a repository, or changes how it is reached. What was seen of it stays, and its webhook. The id of an existing one is
 * kept.
 */
export const putRepository = (sql: Sql, r: RepositoryWanted): Promise<RepositoryRow> =>
  sql.one<RepositoryRow>(
    `insert into repositories (id, owner, name, default_branch, api_url, git_url, app_id, app_key_sealed,
       installation_id, hook_secret_sealed, bot_token_sealed)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (owner, name) do update set default_branch = excluded.default_branch, api_url = excluded.api_url,
       git_url = excluded.git_url, app_id = excluded.app_id, app_key_sealed = excluded.app_key_sealed,
       installation_id = excluded.installation_id, hook_secret_sealed = excluded.hook_secret_sealed,
       bot_token_sealed = excluded.bot_token_sealed
     returning ${repositoryColumns}`,
    [
      r.id,
      r.owner,
      r.name,
      r.defaultBranch,
      r.apiUrl,
      r.gitUrl,
      r.appId,
      r.appKeySealed,
      r.installationId,
      r.hookSecretSealed,
      r.botTokenSealed,
    ],
  );
