import { newId } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";

export type CreditRow = {
  readonly id: string;
  readonly tenant: string;
  readonly currency: string;
  readonly amountMicros: number;
  /** What is left of it. */
  readonly remainingMicros: number;
  readonly reason: string;
  readonly grantedBy: string;
  readonly grantedAt: Date;
  readonly expiresAt: Date | null;
};

const select = `select c.id, c.tenant, c.currency, c.amount_micros as "amountMicros",
  c.amount_micros - coalesce((select sum(micros) from credit_uses u where u.credit = c.id), 0)::bigint as "remainingMicros",
  c.reason, c.granted_by as "grantedBy", c.granted_at as "grantedAt", c.expires_at as "expiresAt" from credits c`;

export type CreditGiven = Pick<
  CreditRow,
  "tenant" | "currency" | "amountMicros" | "reason" | "grantedBy" | "expiresAt"
> & {
  readonly at: Date;
};

export async function insertCredit(sql: Sql, credit: CreditGiven): Promise<string> {
  const id = newId("cr");
  await sql.query(
    `insert into credits (id, tenant, currency, amount_micros, reason, granted_by, granted_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ...[id, credit.tenant, credit.currency, credit.amountMicros, credit.reason, credit.grantedBy, credit.at],
      credit.expiresAt,
    ],
  );
  return id;
}

/** Oldest first. */
export const listCredits = (sql: Sql, tenants: readonly string[] | null): Promise<readonly CreditRow[]> =>
  sql.query<CreditRow>(`${select} where $1::text[] is null or c.tenant = any($1) order by c.granted_at, c.id`, [
    tenants,
  ]);

/** Nobody else uses a tenant's credits until the transaction ends. */
export async function lockCredits(tx: Sql, tenant: string): Promise<void> {
  await tx.query("select from credits where tenant = $1 order by id for update", [tenant]);
}

/** What a tenant has left for a month, in the order in which it is used: what expires first, then what is oldest. */
export async function creditsLeft(
  sql: Sql,
  tenant: string,
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<readonly CreditRow[]> {
  const rows = await sql.query<CreditRow>(
    `${select} where c.tenant = $1 and c.granted_at < $3 and (c.expires_at is null or c.expires_at > $2)
     order by c.expires_at nulls last, c.granted_at, c.id`,
    [tenant, from, to],
  );
  return rows.filter(({ remainingMicros }) => remainingMicros > 0);
}

export async function useCredits(
  tx: Sql,
  invoice: string,
  uses: readonly { readonly credit: string; readonly micros: number }[],
): Promise<void> {
  for (const { credit, micros } of uses)
    await tx.query("insert into credit_uses (credit, invoice, micros) values ($1, $2, $3)", [credit, invoice, micros]);
}
