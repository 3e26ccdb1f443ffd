import type { Sql } from "../../sql/index.ts";

export type PlanRow = {
  readonly tenant: string;
  readonly since: Date;
  readonly plan: string | null;
  /** Whose fleet declares the tenant, or did last. */
  readonly repository: string;
};

/** Every change of a tenant's plan, oldest first. */
export const listPlans = (sql: Sql, tenant: string): Promise<readonly PlanRow[]> =>
  sql.query<PlanRow>("select tenant, since, plan, repository from tenant_plans where tenant = $1 order by since", [
    tenant,
  ]);

/** The plan that each tenant was last known to have. */
export const currentPlans = (sql: Sql): Promise<readonly PlanRow[]> =>
  sql.query<PlanRow>(
    "select distinct on (tenant) tenant, since, plan, repository from tenant_plans order by tenant, since desc",
  );

/** From then on it has this plan. A change that is older than the newest one known is none. */
export async function notePlan(sql: Sql, { tenant, since, plan, repository }: PlanRow): Promise<void> {
  await sql.query(
    `insert into tenant_plans (tenant, since, plan, repository) select $1::text, $2::timestamptz, $3::text, $4::text
     where not exists (select from tenant_plans where tenant = $1 and since >= $2)
     on conflict do nothing`,
    [tenant, since, plan, repository],
  );
}

/**
 * Who may have something to pay for a month and was never billed for it: whoever used something in it, what still waits included, or was on a
 * plan. A month that a credit note opened again is not among them: a person decides when it is billed anew.
 */
export const billableTenants = async (sql: Sql, month: string): Promise<readonly string[]> => {
  const rows = await sql.query<{ tenant: string }>(billable, [month]);
  return rows.map(({ tenant }) => tenant);
};

/** From what was added up: a look a tenant and not one a record, because the month is asked for until nobody of it is refused. */
const billable = `
  with recursive span as (
    select first at time zone 'utc' as begins, (first + interval '1 month') at time zone 'utc' as ends
    from (select ($1::text || '-01')::timestamp as first) month
  ), summed as (
    (select m.tenant from usage_months m, span where m.month = begins order by 1 limit 1)
    union all
    select next.tenant from summed s, span, lateral (
      select m.tenant from usage_months m where m.month = begins and m.tenant > s.tenant order by 1 limit 1) next
  ), used as (
    select tenant from summed
    union
    select r.tenant from (select * from usage_records where seq > (select seq from usage_folded) offset 0) r, span
    where r.window_start >= begins and r.window_start < ends
    union
    select split_part(p.instance, '.', 1) collate "default" from usage_pending p, span where p.hour >= begins and p.hour < ends
    union
    select t.tenant from tenant_plans t, span where t.since < ends and t.plan is not null
  )
  select tenant from used except select tenant from invoices where month = $1 and kind = 'invoice' order by tenant`;
