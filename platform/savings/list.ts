import { fleetFor } from "../billing/index.ts";
import { estimateRates, hoursPerMonth, monthOf, quantityOf, type Rates, rate, totalMicros } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import { activityOf, type Instance, listInstances, onlyFleet } from "../store/index.ts";
import { type Finding, type Looked, rules } from "./rules.ts";

/** Something that would cost less, by how much, and the change that does it. */
export type Saving = {
  /** `<rule>/<project>/<database>`. */
  readonly id: string;
  readonly rule: string;
  readonly title: string;
  readonly why: string;
  readonly project: string;
  readonly database: string;
  /** A month of 730 hours. */
  readonly savesMicros: number;
  readonly currency: string;
  readonly change: Finding["change"];
};

const hourMs = 3_600_000;
const lookBackHours = 30 * 24;
/** Less than that is not worth a pull request. */
const leastMicros = 100_000;

/** What of a tenant's would cost less, the largest first. Nothing where there are no prices. */
export async function listSavings(
  sql: Sql,
  { tenant, nowMs }: { readonly tenant: string; readonly nowMs: number },
): Promise<Saving[]> {
  const priced = await pricesFor(sql, tenant, nowMs);
  if (priced === null) return [];
  const { rates, minRetentionSeconds } = priced;
  const to = Math.floor(nowMs / hourMs) * hourMs;
  const [activities, instances] = await Promise.all([
    activityOf(sql, { tenant, from: new Date(to - lookBackHours * hourMs), to: new Date(to) }),
    listInstances(sql, { tenant, phases: ["Ready", "Paused"] }),
  ]);
  const byId = new Map(activities.map((one) => [`${tenant}.${one.project}.${one.database}`, one]));
  return instances
    .flatMap((instance): Saving[] => {
      const activity = byId.get(instance.id);
      if (activity === undefined || instance.spec.retire) return [];
      const looked: Looked = { ...lookedAt(instance, nowMs), activity, minRetentionSeconds };
      return rules.flatMap(({ id: rule, title, look }) => {
        const finding = look(looked);
        if (finding === null) return [];
        const { project, database } = activity;
        const savesMicros = monthly(finding, rates, activity.hours);
        const { why, change } = finding;
        const id = `${rule}/${project}/${database}`;
        return savesMicros < leastMicros
          ? []
          : [{ id, rule, title, why, project, database, savesMicros, currency: rates.currency, change }];
      });
    })
    .sort((a, b) => b.savesMicros - a.savesMicros || (a.id < b.id ? -1 : 1));
}

/** null: there are no prices. */
async function pricesFor(sql: Sql, tenant: string, nowMs: number) {
  if ((await onlyFleet(sql)) === "none") return null;
  const { fleet } = await fleetFor(sql, tenant);
  const rates = estimateRates(fleet.priceBook, { tenant, month: monthOf(nowMs) });
  return rates === null ? null : { rates, minRetentionSeconds: fleet.policies.minBackupRetentionSeconds };
}

const lookedAt = ({ spec, createdAt, computeEnforced, phase }: Instance, nowMs: number) => ({
  ...{ spec, ageDays: (nowMs - createdAt.getTime()) / (24 * hourMs) },
  ...{ enforced: computeEnforced === true, paused: phase === "Paused" },
});

/** Of what was used in so many hours, a month of it: at the price of the first step, as an estimate. */
function monthly({ saves }: Pick<Finding, "saves">, rates: Rates, hours: number): number {
  const place = { tenant: "", project: "", database: "" };
  const records = saves.map(({ meter, quantity }) => ({
    ...{ ...place, meter },
    quantity: quantityOf((quantity * hoursPerMonth) / Math.max(1, hours), meter),
  }));
  return totalMicros(rate(records, rates));
}

/** What the compute of one database costs in a month, as the last days went. */
export async function computeCost(
  sql: Sql,
  of: { readonly tenant: string; readonly project: string; readonly database: string; readonly nowMs: number },
): Promise<{ readonly micros: number; readonly currency: string } | null> {
  const priced = await pricesFor(sql, of.tenant, of.nowMs);
  const to = Math.floor(of.nowMs / hourMs) * hourMs;
  const span = { tenant: of.tenant, from: new Date(to - lookBackHours * hourMs), to: new Date(to) };
  const found = (await activityOf(sql, span)).find(
    ({ project, database }) => project === of.project && database === of.database,
  );
  if (priced === null || found === undefined) return null;
  const { rates } = priced;
  const saves = [{ meter: "compute_unit_seconds" as const, quantity: found.unitSeconds }];
  return { micros: monthly({ saves }, rates, found.hours), currency: rates.currency };
}
