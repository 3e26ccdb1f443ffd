import type { Sql } from "../../sql/index.ts";
import { type RepositoryRow, repositoryColumns } from "./repository.ts";

export const listRepositories = (sql: Sql): Promise<readonly RepositoryRow[]> =>
  sql.query<RepositoryRow>(`select ${repositoryColumns} from repositories order by id`);

export const getRepository = (sql: Sql, id: string): Promise<RepositoryRow | undefined> =>
  sql.maybe<RepositoryRow>(`select ${repositoryColumns} from repositories where id = $1`, [id]);

/** By `owner/name`, in any case, as Git hosts compare them. */
export const findRepository = (sql: Sql, owner: string, name: string): Promise<RepositoryRow | undefined> =>
  sql.maybe<RepositoryRow>(
    `select ${repositoryColumns} from repositories where lower(owner) = lower($1) and lower(name) = lower($2)`,
    [owner, name],
  );
