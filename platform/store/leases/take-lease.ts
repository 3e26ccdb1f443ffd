import { notify, type Sql } from "../../sql/index.ts";
import type { SingletonLease } from "./lease.ts";

/**
 * Takes a lease that is free or has run out, with a new fence. Undefined when somebody has it, or is in the middle of a write
 * under it.
 */
export const takeSingleton = (
  sql: Sql,
  wanted: { readonly name: string; readonly holder: string; readonly leaseSeconds: number },
): Promise<SingletonLease | undefined> =>
  sql.tx(async (tx) => {
    const { name, holder, leaseSeconds } = wanted;
    await tx.query("insert into singleton_leases (name) values ($1) on conflict do nothing", [name]);
    // `for update` and not the update alone: it does not get past whoever holds the row in a transaction.
    const free = await tx.maybe(
      `select 1 from singleton_leases where name = $1 and (holder is null or lease_until < clock_timestamp())
       for update skip locked`,
      [name],
    );
    if (free === undefined) return undefined;
    return tx.one<SingletonLease>(
      `update singleton_leases set holder = $2, fence = fence + 1,
         lease_until = clock_timestamp() + make_interval(secs => $3)
       where name = $1 returning name, holder, fence`,
      [name, holder, leaseSeconds],
    );
  });

/** Extends it. False when it is not ours any more, or had run out: then it is lost, also when nobody has taken it yet. */
export async function renewSingleton(
  sql: Sql,
  { name, fence }: SingletonLease,
  leaseSeconds: number,
): Promise<boolean> {
  const renewed = await sql.maybe(
    `update singleton_leases set lease_until = clock_timestamp() + make_interval(secs => $3)
     where name = $1 and fence = $2 and holder is not null and lease_until > clock_timestamp() returning name`,
    [name, fence, leaseSeconds],
  );
  return renewed !== undefined;
}

/** Lets go of it, and says so to whoever waits (channel `nebula_leases`, payload is the name). */
export async function releaseSingleton(sql: Sql, { name, fence }: SingletonLease): Promise<void> {
  const released = await sql.maybe(
    `update singleton_leases set holder = null, lease_until = null where name = $1 and fence = $2 and holder is not null
     returning name`,
    [name, fence],
  );
  if (released !== undefined) await notify(sql, "nebula_leases", name);
}

/**
 * Lets the lease of a holder that is proved dead run out now. Harmless when wrong: the fence still decides who may write.
 * False when the lease is not the one that was seen.
 */
export async function expireSingleton(sql: Sql, { name, fence, holder }: SingletonLease): Promise<boolean> {
  const expired = await sql.maybe(
    `update singleton_leases set lease_until = clock_timestamp() - interval '1 millisecond'
     where name = $1 and fence = $2 and holder = $3 returning name`,
    [name, fence, holder],
  );
  if (expired !== undefined) await notify(sql, "nebula_leases", name);
  return expired !== undefined;
}
