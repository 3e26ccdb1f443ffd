import type { Ages, DatabaseId, DatabaseSpec } from "../../spec/index.ts";
import type { Sql } from "../../sql/index.ts";
import { type Instance, type InstancePhase, instanceColumns } from "./instance.ts";

export const getInstance = (sql: Sql, id: DatabaseId): Promise<Instance | undefined> =>
  sql.maybe<Instance>(`select ${instanceColumns} from instances where id = $1`, [id]);

export type InstanceFilter = {
  readonly tenant?: string | null;
  readonly stack?: string | null;
  readonly phases?: readonly InstancePhase[] | null;
};

/** By id. */
export const listInstances = (sql: Sql, f: InstanceFilter = {}): Promise<readonly Instance[]> =>
  sql.query<Instance>(
    `select ${instanceColumns} from instances
     where ($1::text is null or split_part(stack, '.', 1) = $1)
       and ($2::text is null or stack = $2)
       and ($3::text[] is null or phase = any($3))
     order by id`,
    [f.tenant ?? null, f.stack ?? null, f.phases ?? null],
  );

/** The databases of a stack as they were applied, whoever applied them; what is removed, or in no file, is left out. */
export async function appliedDatabases(sql: Sql, stack: string): Promise<readonly DatabaseSpec[]> {
  const rows = await sql.query<{ spec: DatabaseSpec }>(
    `select spec from instances where stack = $1 and phase not in ('Removed', 'Creating')
       and spec #>> '{branch,pull}' is null order by database`,
    [stack],
  );
  return rows.map(({ spec }) => spec);
}

/** How old the branches of some stacks are, by the ledger's clock; a stack without any is missing. */
export async function branchAges(sql: Sql, stacks: readonly string[]): Promise<ReadonlyMap<string, Ages>> {
  const rows = await sql.query<{ stack: string; database: string; ageSeconds: number }>(
    `select stack, database, extract(epoch from clock_timestamp() - created_at)::float8 as "ageSeconds" from instances
     where stack = any($1) and spec ? 'branch' and phase <> 'Removed'`,
    [stacks],
  );
  const byStack = Map.groupBy(rows, ({ stack }) => stack);
  return new Map(
    [...byStack].map(([stack, own]) => [stack, new Map(own.map(({ database, ageSeconds }) => [database, ageSeconds]))]),
  );
}
