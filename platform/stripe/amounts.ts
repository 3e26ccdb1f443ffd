import { notPayable } from "./errors.ts";

/** An amount as Stripe has it: a whole number of what it calls the currency's smallest unit, and its name in small letters. */
export type RemoteAmount = { readonly amount: number; readonly currency: string };

/** Stripe's list, which is not ISO 4217's: ISK and UGX have no smaller unit and are two-place there all the same. */
const withoutPlaces = new Set([
  ...["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"],
]);
const withThreePlaces = new Set(["BHD", "JOD", "KWD", "OMR", "TND"]);

/**
 * Micro-units as Stripe takes them, exact or not at all: with three places it only takes tens.
 * @throws NEB567
 */
export function remoteAmount(micros: number, currency: string): RemoteAmount {
  const unit = smallestUnitMicros(currency);
  const step = withThreePlaces.has(currency) ? 10 : 1;
  if (!Number.isSafeInteger(micros) || micros % (unit * step) !== 0)
    throw notPayable(`${micros} micro-units of ${currency} are no whole amount there`);
  // Not -0: it is written as "-0" and refused.
  return { amount: micros / unit || 0, currency: currency.toLowerCase() };
}

/** Micro-units of one unit there. */
export const smallestUnitMicros = (currency: string): number =>
  withoutPlaces.has(currency) ? 1_000_000 : withThreePlaces.has(currency) ? 1_000 : 10_000;
