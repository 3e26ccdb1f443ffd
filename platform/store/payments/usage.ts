import type { Sql } from "../../sql/index.ts";

/** Whole units of a meter of a tenant in an hour, to be told to the payment service once. */
export type PaymentUsage = {
  /** Made of tenant, meter, hour and part. */
  readonly id: string;
  readonly tenant: string;
  readonly meter: string;
  readonly hour: Date;
  /** Corrections of an hour are its later parts. */
  readonly part: number;
  readonly value: number;
  readonly state: "waiting" | "begun" | "told" | "late";
  readonly beganAt: Date | null;
  readonly attempts: number;
};

const columns = `id, tenant, meter, hour, part, value, state, began_at as "beganAt", attempts`;

export type UsageToTell = {
  readonly tenant: string;
  readonly meter: string;
  readonly hour: Date;
  readonly millionths: bigint;
};

/**
 * Puts what was recorded into the outbox, as whole units: what is left of a unit waits for the meter's next hour, so that a month's
 * parts add up to the month's whole units. In the transaction that notes how far the records were read.
 */
export async function putPaymentUsage(tx: Sql, items: readonly UsageToTell[], now: Date): Promise<void> {
  for (const { tenant, meter, hour, millionths } of items) {
    const { sum } = await tx.one<{ sum: string }>(
      `insert into payment_usage_rest as r (tenant, meter, millionths) values ($1, $2, $3)
       on conflict (tenant, meter) do update set millionths = r.millionths + excluded.millionths returning millionths::text as sum`,
      [tenant, meter, millionths.toString()],
    );
    const whole = floorDivide(BigInt(sum), 1_000_000n);
    if (whole === 0n) continue;
    await tx.query("update payment_usage_rest set millionths = $3 where tenant = $1 and meter = $2", [
      tenant,
      meter,
      (BigInt(sum) - whole * 1_000_000n).toString(),
    ]);
    await tx.query(
      `insert into payment_usage (id, tenant, meter, hour, part, value, due_at)
       select $1::text || '/' || part, $2::text, $3::text, $4::timestamptz, part, $5::bigint, $6::timestamptz
       from (select coalesce(max(part), 0) + 1 as part from payment_usage where tenant = $2 and meter = $3 and hour = $4) next`,
      [`${tenant}/${meter}/${hour.toISOString().slice(0, 13)}`, tenant, meter, hour, whole.toString(), now],
    );
  }
}

const floorDivide = (a: bigint, b: bigint): bigint => (a >= 0n || a % b === 0n ? a / b : a / b - 1n);

/** Due ones; of an hour of a meter only the first that is not over, so that one at a time may be in doubt. */
export const duePaymentUsage = (sql: Sql, now: Date, limit: number): Promise<readonly PaymentUsage[]> =>
  sql.query<PaymentUsage>(
    `select ${columns} from payment_usage u
     where state in ('waiting', 'begun') and due_at <= $1 and not exists (select from payment_usage o
       where o.tenant = u.tenant and o.meter = u.meter and o.hour = u.hour and o.part < u.part and o.state in ('waiting', 'begun'))
     order by due_at, id limit $2`,
    [now, limit],
  );

/** Before it is sent. */
export async function beginPaymentUsage(sql: Sql, id: string, at: Date): Promise<void> {
  await sql.query(
    "update payment_usage set state = 'begun', began_at = coalesce(began_at, $2), attempts = attempts + 1 where id = $1",
    [id, at],
  );
}

export async function endPaymentUsage(sql: Sql, id: string, state: "told" | "late", at: Date): Promise<void> {
  await sql.query("update payment_usage set state = $2, told_at = $3, failure = null where id = $1", [id, state, at]);
}

export async function postponePaymentUsage(sql: Sql, id: string, dueAt: Date, failure: string): Promise<void> {
  await sql.query("update payment_usage set due_at = $2, failure = $3 where id = $1", [id, dueAt, failure]);
}

/** What was told of an hour of a meter, in whole units. */
export const toldUsage = async (sql: Sql, of: Pick<PaymentUsage, "tenant" | "meter" | "hour">): Promise<number> =>
  (
    await sql.one<{ sum: number }>(
      `select coalesce(sum(value), 0)::bigint as sum from payment_usage
       where tenant = $1 and meter = $2 and hour = $3 and state = 'told'`,
      [of.tenant, of.meter, of.hour],
    )
  ).sum;

/** What is over, of hours before that. */
export async function prunePaymentUsage(sql: Sql, before: Date): Promise<number> {
  const gone = await sql.query("delete from payment_usage where state in ('told', 'late') and hour < $1 returning id", [
    before,
  ]);
  return gone.length;
}
