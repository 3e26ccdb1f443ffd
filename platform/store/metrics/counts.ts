import type { Sql } from "../../sql/index.ts";

export type QueueAge = { readonly type: string; readonly waiting: number; readonly oldestSeconds: number };

/** Operations that could begin and have not, by type: how many, and since when the oldest of them could. */
export const queueAges = (sql: Sql): Promise<readonly QueueAge[]> =>
  sql.query<QueueAge>(
    `select type, count(*) as waiting,
       greatest(0, extract(epoch from clock_timestamp() - min(greatest(created_at, run_after))))::float8 as "oldestSeconds"
     from operations where state = 'QUEUED' and run_after <= clock_timestamp() group by type order by type`,
  );

export type Business = {
  readonly users: number;
  readonly tenants: number;
  readonly activeTenants: number;
  readonly databases: readonly { readonly engine: string; readonly phase: string; readonly count: number }[];
};

/** How large the installation is. A tenant is active when one of its databases was awake within thirty days. */
export async function businessFigures(sql: Sql): Promise<Business> {
  const sizes = await sql.one<Omit<Business, "databases">>(
    `select (select count(*) from users) as users,
       (select count(distinct split_part(stack, '.', 1)) from instances where phase <> 'Removed') as tenants,
       (select count(distinct split_part(instance, '.', 1)) from database_samples
          where sampled_at > clock_timestamp() - interval '30 days') as "activeTenants"`,
  );
  const databases = await sql.query<Business["databases"][number]>(
    "select engine, phase, count(*) as count from instances where phase <> 'Removed' group by engine, phase order by 1, 2",
  );
  return { ...sizes, databases };
}
