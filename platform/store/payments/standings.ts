import type { Sql } from "../../sql/index.ts";

/** How a tenant stands with what it owes. */
export type PaymentStanding = {
  readonly tenant: string;
  readonly state: "good" | "overdue" | "grace" | "suspended";
  readonly since: Date;
  /** The oldest invoice that is not paid. */
  readonly invoice: string | null;
  /** How often it was told of it. */
  readonly reminders: number;
};

const columns = "tenant, state, since, invoice, reminders";

export const getStanding = (sql: Sql, tenant: string): Promise<PaymentStanding | undefined> =>
  sql.maybe<PaymentStanding>(`select ${columns} from payment_standings where tenant = $1`, [tenant]);

/** Of tenants that owe something, or are not known yet to have paid it. */
export const listStandings = (sql: Sql): Promise<readonly PaymentStanding[]> =>
  sql.query<PaymentStanding>(`select ${columns} from payment_standings where state <> 'good' order by tenant`);

export async function putStanding(sql: Sql, s: PaymentStanding): Promise<void> {
  await sql.query(
    `insert into payment_standings (${columns}) values ($1, $2, $3, $4, $5)
     on conflict (tenant) do update set state = excluded.state, since = excluded.since, invoice = excluded.invoice,
       reminders = excluded.reminders`,
    [s.tenant, s.state, s.since, s.invoice, s.reminders],
  );
}

/** What is not paid yet, oldest due first. */
export type Owed = {
  readonly id: string;
  readonly tenant: string;
  readonly number: string;
  readonly totalMicros: number;
  readonly currency: string;
  readonly dueAt: Date;
  readonly failures: number;
  readonly payUrl: string | null;
};

export const listOwed = (sql: Sql): Promise<readonly Owed[]> =>
  sql.query<Owed>(
    `select i.id, i.tenant, i.number, i.total_micros as "totalMicros", i.currency, i.due_at as "dueAt",
       coalesce(p.failures, 0) as failures, p.pay_url as "payUrl"
     from invoices i left join payment_invoices p on p.invoice = i.id
     where i.kind = 'invoice' and i.status = 'open' order by i.tenant, i.due_at, i.id`,
  );

export type PaymentDifference = {
  readonly invoice: string;
  readonly number: string | null;
  readonly what: string;
  readonly ours: string | null;
  readonly theirs: string | null;
};
export type PaymentCheck = {
  readonly at: Date;
  readonly checked: number;
  readonly differences: readonly PaymentDifference[];
};

export async function putPaymentCheck(sql: Sql, { at, checked, differences }: PaymentCheck): Promise<void> {
  await sql.query(
    "insert into payment_checks (at, checked, differences) values ($1, $2, $3::jsonb) on conflict do nothing",
    [at, checked, JSON.stringify(differences)],
  );
  await sql.query("delete from payment_checks where at < $1::timestamptz - interval '90 days'", [at]);
}

export const lastPaymentCheck = (sql: Sql): Promise<PaymentCheck | undefined> =>
  sql.maybe<PaymentCheck>("select at, checked, differences from payment_checks order by at desc limit 1");
