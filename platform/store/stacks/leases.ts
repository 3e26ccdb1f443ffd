import { notify, type Sql } from "../../sql/index.ts";

export type Lease = {
  readonly stack: string;
  readonly fence: number;
  readonly holder: string;
  readonly operation: string;
  readonly leaseUntil: Date;
};

/** Leases that somebody holds or held until he died. */
export const listLeases = (sql: Sql): Promise<readonly Lease[]> =>
  sql.query<Lease>(
    `select stack, fence, holder, operation, lease_until as "leaseUntil" from stacks
     where operation is not null order by stack`,
  );

/** Leases that have not run out, by the database's clock. */
export const listLiveLeases = (sql: Sql): Promise<readonly Lease[]> =>
  sql.query<Lease>(
    `select stack, fence, holder, operation, lease_until as "leaseUntil" from stacks
     where operation is not null and lease_until > clock_timestamp() order by stack`,
  );

/**
 * Lets the lease of a holder that is proved dead run out now, so that the next claim takes its operation over without waiting.
 * Harmless when wrong: the fence still decides who may write. False when the lease is not the one that was seen.
 */
export async function expireLease(sql: Sql, { stack, fence, holder }: Lease): Promise<boolean> {
  const expired = await sql.maybe(
    `update stacks set lease_until = clock_timestamp() - interval '1 millisecond'
     where stack = $1 and fence = $2 and holder = $3 and operation is not null returning stack`,
    [stack, fence, holder],
  );
  if (expired !== undefined) await notify(sql, "nebula_operations", stack);
  return expired !== undefined;
}
