import type { PlanOptions, PriceOptions, PriceVersionOptions, StepOptions, TenantPriceOptions } from "./prices.ts";
import {
  type PlanPrice,
  type PriceBook,
  type PriceName,
  type PriceTier,
  priceNames,
  type TenantPrices,
  type UnitPrices,
} from "./types.ts";
import { amountMicros, percentMillionths } from "./units.ts";

/** A book that passed `checkPrices` in its plain form: what is not declared is absent. */
export function fillPrices({ versions, ...flat }: PriceOptions): PriceBook {
  if (versions === undefined) return toBook(flat);
  const filled = versions.map((one, index) => {
    const until = one.until ?? versions[index + 1]?.from;
    return toBook({ ...one, currency: flat.currency ?? "", ...(until === undefined ? {} : { until }) });
  });
  const [first] = filled;
  return filled.length < 2 ? (first as PriceBook) : { ...(first as PriceBook), versions: filled };
}

function toBook(one: PriceVersionOptions): PriceBook {
  const tiers = tiersOf(one);
  const { plans, tenants } = one;
  return {
    id: one.id ?? "",
    currency: one.currency ?? "",
    prices: Object.fromEntries(
      priceNames.map((name) => [`${name}Micros`, tiers[name]?.[0]?.micros ?? micros(one[name])]),
    ) as UnitPrices,
    ...(Object.keys(tiers).length === 0 ? {} : { tiers }),
    ...(plans === undefined
      ? {}
      : { plans: Object.fromEntries(Object.entries(plans).map(([name, it]) => [name, toPlan(it)])) }),
    ...(tenants === undefined
      ? {}
      : { tenants: Object.fromEntries(Object.entries(tenants).map(([name, it]) => [name, toTenant(it)])) }),
    ...(one.issuer === undefined ? {} : { issuer: toParty(one.issuer) }),
    ...(one.dueDays === undefined ? {} : { dueDays: one.dueDays }),
    ...(one.from === undefined ? {} : { from: one.from }),
    ...(one.until === undefined ? {} : { until: one.until }),
  };
}

const toPlan = (it: PlanOptions): PlanPrice => ({
  feeMicros: micros(it.fee),
  minimumMicros: micros(it.minimum),
  included: toIncluded(it.included ?? {}),
});

function toTenant(it: TenantPriceOptions): TenantPrices {
  const { tax, billTo } = it;
  return {
    ...(it.prices === undefined ? {} : { prices: { ...flatTiers(it.prices), ...tiersOf(it.prices) } }),
    ...(it.included === undefined ? {} : { included: toIncluded(it.included) }),
    ...(it.fee === undefined ? {} : { feeMicros: micros(it.fee) }),
    ...(it.minimum === undefined ? {} : { minimumMicros: micros(it.minimum) }),
    ...(tax === undefined ? {} : { tax: { name: tax.name, rateMicros: percentMillionths(text(tax.percent)) ?? 0 } }),
    ...(billTo === undefined
      ? {}
      : {
          billTo: { ...toParty(billTo), ...(billTo.email === undefined ? {} : { email: billTo.email }) },
        }),
  };
}

const toParty = ({ name, address = [], taxId }: NonNullable<PriceVersionOptions["issuer"]>) => ({
  ...{ name, address },
  ...(taxId === undefined ? {} : { taxId }),
});

type Prices = { readonly [name in PriceName]?: unknown };

/** Of the prices that have steps, their steps. */
function tiersOf(prices: Prices): { [name in PriceName]?: readonly PriceTier[] } {
  const stepped = priceNames.flatMap((name) => {
    const given = prices[name];
    return Array.isArray(given) ? [[name, (given as StepOptions[]).map(toTier)] as const] : [];
  });
  return Object.fromEntries(stepped);
}

/** Of the prices that are one amount, that amount as the only step. */
function flatTiers(prices: Prices): { [name in PriceName]?: readonly PriceTier[] } {
  const flat = priceNames.filter((name) => prices[name] !== undefined && !Array.isArray(prices[name]));
  return Object.fromEntries(flat.map((name) => [name, [{ upTo: null, micros: micros(prices[name]) }]]));
}

const toTier = ({ upTo, price: of }: StepOptions): PriceTier => ({
  upTo: upTo === undefined ? null : String(upTo),
  micros: micros(of),
});
const toIncluded = (given: Prices): { [name in PriceName]?: string } =>
  Object.fromEntries(priceNames.flatMap((name) => (given[name] === undefined ? [] : [[name, String(given[name])]])));
const micros = (value: unknown): number => amountMicros(text(value)) ?? 0;
/** What was left out is nothing; everything else passed the check. */
const text = (value: unknown): string => String(value ?? 0);
