import type { Sql } from "../../sql/index.ts";

export type PaymentCustomer = {
  readonly tenant: string;
  readonly beganAt: Date;
  /** Its id with the payment service; null: asked for, and nobody knows yet. */
  readonly customer: string | null;
  readonly subscription: string | null;
};

const columns = `tenant, began_at as "beganAt", customer, subscription`;

export const getPaymentCustomer = (sql: Sql, tenant: string): Promise<PaymentCustomer | undefined> =>
  sql.maybe<PaymentCustomer>(`select ${columns} from payment_customers where tenant = $1`, [tenant]);

/** Before it is asked for. Whether it is the first time. */
export async function beginCustomer(sql: Sql, tenant: string, at: Date): Promise<boolean> {
  const made = await sql.query(
    "insert into payment_customers (tenant, began_at) values ($1, $2) on conflict do nothing returning tenant",
    [tenant, at],
  );
  return made.length > 0;
}

/** null: it is gone there, and another one is made. */
export async function setCustomer(sql: Sql, tenant: string, customer: string | null): Promise<void> {
  await sql.query("update payment_customers set customer = $2, subscription = null where tenant = $1", [
    tenant,
    customer,
  ]);
}

export async function setSubscription(sql: Sql, tenant: string, subscription: string): Promise<void> {
  await sql.query("update payment_customers set subscription = $2 where tenant = $1", [tenant, subscription]);
}

export const tenantOfCustomer = async (sql: Sql, customer: string): Promise<string | undefined> =>
  (await sql.maybe<{ tenant: string }>("select tenant from payment_customers where customer = $1", [customer]))?.tenant;
