import { divideToEven, estimateRates, hoursPerMonth, isMeter, monthSpan, rate, totalMicros } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import { listMergedPulls, type PullCost, type PullsAsked, usageOfCommits } from "../store/index.ts";
import { fleetFor, type MonthOf } from "./draft.ts";

/** What a review kept of the prices of a project; the rest is reconciler/review's. */
type KeptReview = {
  readonly projects: readonly {
    readonly stack: string;
    readonly tenant: string;
    readonly project: string;
    readonly price: {
      readonly databases: readonly {
        readonly database: string;
        readonly after: { readonly micros: number } | null;
        readonly differenceMicros: number;
      }[];
    } | null;
  }[];
};

/**
 * What merged pull requests of a tenant were estimated at, and what their databases came to, in a month: of the hours in which a
 * database ran as that pull request declared it. Both by the same rates, without what the tenant's plan includes. Only those are looked
 * at whose commits were in force: a tenant may have merged thousands.
 */
export async function pullCosts(
  sql: Sql,
  { tenant, month }: Pick<MonthOf, "tenant" | "month">,
  asked: PullsAsked,
): Promise<PullCost[]> {
  const { fromMs, toMs } = monthSpan(month);
  const fleet = await fleetFor(sql, tenant);
  const rates = estimateRates(fleet.fleet.priceBook, { tenant, month });
  if (rates === null) return [];
  const pulls = await listMergedPulls<KeptReview>(sql, { tenant, before: new Date(toMs), asked });
  const costs: PullCost[] = [];
  for (const { repository, number, commits, review } of pulls) {
    for (const { stack, project, database, micros } of estimatesOf(review, tenant)) {
      const of = { tenant, project, database, fromMs, toMs, commits };
      const usage = await usageOfCommits(sql, of);
      const hours = Math.max(0, ...usage.map((one) => one.hours));
      if (hours === 0) continue;
      const records = usage.flatMap(({ meter, quantity }) =>
        isMeter(meter) ? [{ tenant, project, database, meter, quantity }] : [],
      );
      costs.push({
        ...{ repository, number, stack, database, month, hours },
        estimatedMicros: divideToEven(BigInt(micros) * BigInt(hours), BigInt(hoursPerMonth)),
        actualMicros: totalMicros(rate(records, rates)),
        ...{ currency: rates.currency, priceBook: rates.id },
      });
    }
  }
  return costs;
}

/** Every database that the pull request changed the price of, and that is there afterwards. */
function estimatesOf(review: KeptReview, tenant: string) {
  return review.projects.flatMap(({ stack, project, tenant: of, price }) =>
    of !== tenant || price === null
      ? []
      : price.databases.flatMap(({ database, after, differenceMicros }) =>
          after === null || differenceMicros === 0 ? [] : [{ stack, project, database, micros: after.micros }],
        ),
  );
}
