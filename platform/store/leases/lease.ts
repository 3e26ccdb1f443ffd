import type { Sql } from "../../sql/index.ts";
import { leaseLost } from "../errors.ts";
import { letGo } from "../stacks/index.ts";

/**
 * Work that runs once, however many replicas there are: each has a name, and a lease by the database's clock. The fence grows
 * with every holder.
 */
export type SingletonLease = {
  readonly name: string;
  readonly holder: string;
  readonly fence: number;
};

export type SingletonRow = SingletonLease & { readonly leaseUntil: Date };

const columns = `name, holder, fence, lease_until as "leaseUntil"`;

/** Those that somebody holds, or held until he died. By name. */
export const listSingletons = (sql: Sql): Promise<readonly SingletonRow[]> =>
  sql.query<SingletonRow>(`select ${columns} from singleton_leases where holder is not null order by name`);

/** Those that have not run out. */
export const listLiveSingletons = (sql: Sql): Promise<readonly SingletonRow[]> =>
  sql.query<SingletonRow>(
    `select ${columns} from singleton_leases where holder is not null and lease_until > clock_timestamp() order by name`,
  );

/**
 * Holds a lease for the rest of the transaction: nobody else gets it before that has ended (the holder's own renewal still gets
 * through: `for key share`). What would harm when written twice is written inside.
 * @throws NEB300 when somebody else has it by now, or it ran out.
 */
export async function holdSingleton(
  tx: Sql,
  { name, fence, leaseSeconds }: Pick<SingletonLease, "name" | "fence"> & { readonly leaseSeconds?: number },
): Promise<void> {
  const row = await tx.maybe<{ fence: number; held: boolean }>(
    `select fence, holder is not null and lease_until > clock_timestamp() as held, ${letGo(leaseSeconds)}
     from singleton_leases where name = $1 for key share`,
    [name],
  );
  if (row?.held !== true || row.fence !== fence)
    throw leaseLost(
      `${name} is at fence ${row?.fence ?? "none"}${row?.held ? "" : ", free"}; this writer has ${fence}`,
    );
}
