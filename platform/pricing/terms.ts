import type { PriceBook, PriceName, PriceTier, TenantPrices, UnitPrices } from "../spec/index.ts";
import { noPricesThen, planUnpriced } from "./errors.ts";
import { monthSpan } from "./month.ts";

/** Prices as `rate` takes them: of one version, with what one tenant has for nothing. */
export type Rates = Pick<PriceBook, "id" | "currency" | "prices" | "tiers"> & {
  /** Priced units of the tenant in a month that cost nothing. They come first; the steps of a price begin above them. */
  readonly included?: { readonly [name in PriceName]?: string };
  /** What everybody else pays, where it is not the same. */
  readonly list?: UnitPrices;
};

export type PlanTerms = { readonly feeMicros: number; readonly minimumMicros: number };

/** What a tenant pays in a month, and how: the list, its plan and what was agreed with it, as one. */
export type Terms = {
  readonly rates: Rates;
  /** By the name of each plan that the tenant had in the month. */
  readonly planOf: (plan: string | null) => PlanTerms;
  readonly tax: NonNullable<TenantPrices["tax"]> | null;
  readonly billTo: NonNullable<TenantPrices["billTo"]> | null;
  readonly issuer: NonNullable<PriceBook["issuer"]>;
  readonly dueDays: number;
};

const defaultDueDays = 14;

/**
 * The version of the prices that is in force in a month.
 * @throws NEB536 where none is.
 */
export function versionFor(book: PriceBook, month: string): Omit<PriceBook, "versions"> {
  monthSpan(month);
  const found = versionIn(book, month);
  if (found === undefined) throw noPricesThen(`no version of the prices is in force in ${month}`);
  return found;
}

/**
 * The terms of a tenant in a month.
 * @param of.plan the plan at the end of the month: what it includes.
 * @throws NEB536 for a month without prices, NEB535 for a plan that has none.
 */
export function termsFor(
  book: PriceBook,
  of: { readonly tenant: string; readonly plan: string | null; readonly month: string },
): Terms {
  const version = versionFor(book, of.month);
  const own = agreedWith(version, of.tenant);
  const included = own.included ?? planPrice(version, of)?.included ?? {};
  const rates = ratesOf(version, own);
  return {
    rates: Object.keys(included).length === 0 ? rates : { ...rates, included },
    planOf(plan) {
      const price = planPrice(version, { ...of, plan });
      return {
        feeMicros: own.feeMicros ?? price?.feeMicros ?? 0,
        minimumMicros: own.minimumMicros ?? price?.minimumMicros ?? 0,
      };
    },
    tax: own.tax ?? null,
    billTo: own.billTo ?? null,
    issuer: version.issuer ?? { name: "NebulaDB", address: [] },
    dueDays: version.dueDays ?? defaultDueDays,
  };
}

/**
 * What an estimate is made with: the tenant's own prices without what its plan includes, because a database cannot know what
 * the tenant's others use of that. Null in a month without prices: then there is no estimate.
 */
export function estimateRates(book: PriceBook, of: { readonly tenant: string; readonly month: string }): Rates | null {
  const version = versionIn(book, of.month);
  return version === undefined ? null : ratesOf(version, agreedWith(version, of.tenant));
}

/** A tenant may be called `constructor`: nothing is agreed with it by that. */
const agreedWith = ({ tenants = {} }: Omit<PriceBook, "versions">, tenant: string): TenantPrices =>
  Object.hasOwn(tenants, tenant) ? (tenants[tenant] ?? {}) : {};

export const versionIn = ({ versions, ...only }: PriceBook, month: string): Omit<PriceBook, "versions"> | undefined =>
  (versions ?? [only]).find(({ from = "", until }) => from <= month && (until === undefined || month < until));

function planPrice(
  { plans, id }: Omit<PriceBook, "versions">,
  { tenant, plan }: { readonly tenant: string; readonly plan: string | null },
) {
  if (plans === undefined) return undefined;
  const price = plan === null || !Object.hasOwn(plans, plan) ? undefined : plans[plan];
  if (price === undefined)
    throw planUnpriced(
      `${tenant} ${plan === null ? "has no plan" : `is on the plan ${plan}, which has no price`} in ${id}`,
    );
  return price;
}

function ratesOf({ id, currency, prices, tiers }: Omit<PriceBook, "versions">, own: TenantPrices): Rates {
  const agreed = own.prices ?? {};
  const steps = { ...tiers, ...agreed };
  const first = (name: PriceName): number | undefined => agreed[name]?.[0]?.micros;
  const names = Object.keys(agreed) as PriceName[];
  if (names.length === 0) return { id, currency, prices, ...(tiers === undefined ? {} : { tiers }) };
  const changed = Object.fromEntries(names.map((name) => [`${name}Micros`, first(name) ?? 0]));
  const stepped = Object.fromEntries(Object.entries(steps).filter(([, list]) => (list?.length ?? 0) > 1)) as {
    [name in PriceName]?: readonly PriceTier[];
  };
  return {
    ...{ id, currency, list: prices, prices: { ...prices, ...changed } },
    ...(Object.keys(stepped).length === 0 ? {} : { tiers: stepped }),
  };
}
