import type { Sql } from "../sql/index.ts";
import { currentPlans, listFleets, notePlan } from "../store/index.ts";

/**
 * Notes which plan each tenant is on, where it is another than last time. A tenant that no text in force declares any more is on none.
 * Returns how many changed.
 */
export async function notePlans(sql: Sql, nowMs: number): Promise<number> {
  const [fleets, known] = await Promise.all([listFleets(sql), currentPlans(sql)]);
  const declared = new Map(
    // Where two declare it the first one counts, as everywhere.
    fleets
      .toReversed()
      .flatMap(({ repository, tenants }) => tenants.map(({ tenant, plan }) => [tenant, { plan, repository }] as const)),
  );
  const before = new Map(known.map((one) => [one.tenant, one]));
  const since = new Date(nowMs);
  const changed = [
    ...[...declared].flatMap(([tenant, now]) => {
      const last = before.get(tenant);
      return last?.plan === now.plan && last.repository === now.repository ? [] : [{ tenant, ...now }];
    }),
    // Before any fleet is in force nothing is known of anybody, which is not the same as that all are gone.
    ...known.flatMap(({ tenant, plan, repository }) =>
      fleets.length > 0 && plan !== null && !declared.has(tenant) ? [{ tenant, plan: null, repository }] : [],
    ),
  ];
  for (const one of changed) await notePlan(sql, { ...one, since });
  return changed.length;
}
