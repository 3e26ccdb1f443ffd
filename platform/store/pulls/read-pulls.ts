import type { Sql } from "../../sql/index.ts";
import { type PullRow, type PullState, pullColumns } from "./pull.ts";

export const getPullRow = <Review = unknown>(
  sql: Sql,
  repository: string,
  number: number,
): Promise<PullRow<Review> | undefined> =>
  sql.maybe(`select ${pullColumns} from pulls where repository = $1 and number = $2`, [repository, number]);

/** Newest first. */
export const listPullRows = <Review = unknown>(
  sql: Sql,
  filter: {
    readonly repository?: string;
    readonly state?: PullState;
    readonly beforeNumber?: number;
    readonly limit?: number;
  } = {},
): Promise<readonly PullRow<Review>[]> =>
  sql.query(
    `select ${pullColumns} from pulls
     where ($1::text is null or repository = $1) and ($2::text is null or state = $2)
       and ($3::int is null or number < $3)
     order by number desc limit $4`,
    [filter.repository ?? null, filter.state ?? null, filter.beforeNumber ?? null, filter.limit ?? 1000],
  );

/** Merged and deployed as far as is known, but not told yet. */
export const listUnreportedPulls = <Review = unknown>(
  sql: Sql,
  repository: string,
): Promise<readonly PullRow<Review>[]> =>
  sql.query(
    `select ${pullColumns} from pulls where repository = $1 and state = 'merged' and deployed_at is not null
       and reported_at is null order by number`,
    [repository],
  );

/** Merged, but not yet seen on the default branch. Oldest first. */
export const listUndeployedPulls = <Review = unknown>(
  sql: Sql,
  repository: string,
): Promise<readonly PullRow<Review>[]> =>
  sql.query(
    `select ${pullColumns} from pulls where repository = $1 and state = 'merged' and deployed_at is null order by merged_at`,
    [repository],
  );

export type PreviewWish = {
  readonly number: number;
  readonly labels: readonly string[];
  readonly stacks: readonly string[];
};

/** Open pull requests with the stacks that they change, where any of them may want branches: by a label, or by a declaration. */
export const listPreviewWishes = (sql: Sql, label: string): Promise<readonly PreviewWish[]> =>
  sql.query(
    `select number, labels, array(select p ->> 'stack' from jsonb_array_elements(plan -> 'projects') p
       where p ->> 'kind' = 'changed' order by 1) as stacks
     from pulls where state = 'open' and plan is not null
       and ($1 = any(labels) or exists (select from projects where applied_spec ? 'previewBranches'))
     order by repository, number`,
    [label],
  );
