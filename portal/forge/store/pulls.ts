import type { Sql } from "../../../platform/sql/index.ts";

export type Pull = {
  readonly id: number;
  readonly repository: number;
  readonly number: number;
  readonly authorId: number;
  readonly title: string;
  readonly body: string | null;
  readonly state: "open" | "closed";
  readonly draft: boolean;
  readonly baseRef: string;
  readonly baseSha: string;
  readonly headRef: string;
  readonly headSha: string;
  readonly mergeIntent: string | null;
  readonly mergeCommitSha: string | null;
  readonly mergedById: number | null;
  readonly mergedAt: Date | null;
  readonly closedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

const columns = `id, repository, number, author as "authorId", title, body, state, draft, base_ref as "baseRef",
  base_sha as "baseSha", head_ref as "headRef", head_sha as "headSha", merge_intent as "mergeIntent",
  merge_commit_sha as "mergeCommitSha", merged_by as "mergedById", merged_at as "mergedAt", closed_at as "closedAt",
  created_at as "createdAt", updated_at as "updatedAt"`;

export type NewPull = Pick<
  Pull,
  | "repository"
  | "number"
  | "authorId"
  | "title"
  | "body"
  | "draft"
  | "baseRef"
  | "baseSha"
  | "headRef"
  | "headSha"
  | "createdAt"
>;

/** undefined when an open one has the same base and head. */
export const insertPull = (sql: Sql, pull: NewPull) =>
  sql.maybe<Pull>(
    `insert into pulls (repository, number, author, title, body, draft, base_ref, base_sha, head_ref, head_sha, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
     on conflict (repository, base_ref, head_ref) where state = 'open' do nothing returning ${columns}`,
    [
      pull.repository,
      pull.number,
      pull.authorId,
      pull.title,
      pull.body,
      pull.draft,
      pull.baseRef,
      pull.baseSha,
      pull.headRef,
      pull.headSha,
      pull.createdAt,
    ],
  );

export const findPull = (sql: Sql, repository: number, number: number) =>
  sql.maybe<Pull>(`select ${columns} from pulls where repository = $1 and number = $2`, [repository, number]);

export const listOpenPulls = (sql: Sql, repository: number) =>
  sql.query<Pull>(`select ${columns} from pulls where repository = $1 and state = 'open' order by number`, [
    repository,
  ]);

export const openPullsOf = (sql: Sql, repository: number, side: "head" | "base", branch: string) =>
  sql.query<Pull>(
    `select ${columns} from pulls where repository = $1 and ${side}_ref = $2 and state = 'open' order by number`,
    [repository, branch],
  );

export type PullFilter = {
  readonly state: "open" | "closed" | "all";
  readonly head: string | null;
  readonly base: string | null;
  readonly sort: "created" | "updated";
  readonly direction: "asc" | "desc";
};

export async function listPulls(sql: Sql, repository: number, filter: PullFilter, limit: number, offset: number) {
  const where = `repository = $1 and ($2 = 'all' or state = $2) and ($3::text is null or head_ref = $3)
    and ($4::text is null or base_ref = $4)`;
  const params = [repository, filter.state, filter.head, filter.base];
  const order = `${filter.sort}_at ${filter.direction}, number ${filter.direction}`;
  const { total } = await sql.one<{ total: number }>(`select count(*) as total from pulls where ${where}`, params);
  const pulls = await sql.query<Pull>(
    `select ${columns} from pulls where ${where} order by ${order} limit $5 offset $6`,
    [...params, limit, offset],
  );
  return { pulls, total };
}

/** Pull requests whose newest commit this is, the open ones first. */
export const pullsByHead = (sql: Sql, repository: number, headSha: string) =>
  sql.query<Pull>(
    `select ${columns} from pulls where repository = $1 and head_sha = $2 and state = 'open' order by number`,
    [repository, headSha],
  );

export type PullChanges = Partial<
  Pick<
    Pull,
    | "title"
    | "body"
    | "state"
    | "draft"
    | "baseRef"
    | "baseSha"
    | "headSha"
    | "mergeIntent"
    | "mergeCommitSha"
    | "mergedById"
    | "mergedAt"
    | "closedAt"
  >
>;

const columnOf: Readonly<Record<keyof PullChanges, string>> = {
  title: "title",
  body: "body",
  state: "state",
  draft: "draft",
  baseRef: "base_ref",
  baseSha: "base_sha",
  headSha: "head_sha",
  mergeIntent: "merge_intent",
  mergeCommitSha: "merge_commit_sha",
  mergedById: "merged_by",
  mergedAt: "merged_at",
  closedAt: "closed_at",
};

export function updatePull(sql: Sql, id: number, changes: PullChanges, at: Date): Promise<Pull> {
  const names = Object.keys(changes) as (keyof PullChanges)[];
  const sets = names.map((name, i) => `${columnOf[name]} = $${i + 3}`);
  return sql.one<Pull>(
    `update pulls set ${["updated_at = $2", ...sets].join(", ")} where id = $1 returning ${columns}`,
    [id, at, ...names.map((name) => changes[name])],
  );
}
