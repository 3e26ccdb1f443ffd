import type { PriceName } from "../spec/index.ts";
import { badPrice } from "./errors.ts";
import { type Meter, meters } from "./meters.ts";
import { parseQuantity } from "./quantity.ts";
import type { Rates } from "./terms.ts";

/** A step of a meter's price, in the meter's own unit. */
export type Step = {
  /** Millionths of the meter's unit, counted over the tenant's month, at which it ends; null: never. */
  readonly until: bigint | null;
  readonly micros: number;
  /** For people: `included`, `up to 100`, `above 100`; null where a price has no steps. */
  readonly label: string | null;
};

/**
 * Which price of the book a meter is priced with; null: none, and so neither steps nor an allowance. Meters with the same price have the same
 * unit (a test asks), because its steps and allowance count what all of them used.
 */
export const priceOf: Readonly<Record<Meter, PriceName | null>> = {
  compute_unit_seconds: "computeUnitHour",
  frozen_unit_seconds: null,
  provisioned_unit_seconds: "computeUnitHour",
  storage_byte_hours: "storageGibMonth",
  branch_storage_byte_hours: "storageGibMonth",
  backup_byte_hours: "backupGibMonth",
  egress_bytes: "egressGib",
  api_requests: "apiMillionRequests",
  connection_seconds: null,
};

/**
 * What a meter costs, step by step: first what is included, then the steps of the price, counted from there.
 * @throws NEB501 for a price or a bound that cannot be used.
 */
export function ladderOf(meter: Meter, rates: Rates): readonly Step[] {
  const { price } = meters[meter];
  if (price === null) return [{ until: null, micros: 0, label: null }];
  const name = priceOf[meter];
  const free = name === null ? undefined : rates.included?.[name];
  const tiers = name === null ? undefined : rates.tiers?.[name];
  const bound = (text: string): bigint => {
    try {
      return parseQuantity(text, `${rates.id}/${meter}`) * price.divisor;
    } catch (cause) {
      throw badPrice(`price book ${rates.id}: ${meter} has a step at ${JSON.stringify(text)}`, { cause });
    }
  };
  const begins = free === undefined ? 0n : bound(free);
  const steps = tiers ?? [{ upTo: null, micros: price.micros({ ...rates }) }];
  if (steps.at(-1)?.upTo !== null) throw badPrice(`price book ${rates.id}: the last step of ${meter} ends`);
  return [
    ...(begins > 0n ? [{ until: begins, micros: 0, label: "included" }] : []),
    ...steps.map(({ upTo, micros }, index): Step => {
      const above = steps[index - 1]?.upTo;
      const label = upTo !== null ? `up to ${upTo}` : above === undefined || above === null ? null : `above ${above}`;
      return { until: upTo === null ? null : begins + bound(upTo), micros: whole(micros, meter, rates.id), label };
    }),
  ];
}

/** What everybody else pays for one unit: the first step of the list. */
export function listMicros(meter: Meter, rates: Rates): number {
  const { price } = meters[meter];
  return price === null ? 0 : whole(price.micros({ ...rates, prices: rates.list ?? rates.prices }), meter, rates.id);
}

function whole(micros: number, meter: Meter, book: string): number {
  if (!Number.isSafeInteger(micros) || micros < 0)
    throw badPrice(`price book ${book}: the price of ${meter} is ${micros}`);
  return micros;
}
