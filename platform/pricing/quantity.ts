import Big from "big.js";
import { badQuantity } from "./errors.ts";

/**
 * Quantities are decimal text with at most six places, and whole millionths (`bigint`) inside: sums are exact, whatever
 * their order and however many there are.
 */
const scale = 1_000_000n;
const decimal = /^\d{1,30}(\.\d{1,20})?$/;

/** @throws NEB500 for anything that is no plain decimal >= 0. Places beyond the sixth are rounded half to even. */
export function parseQuantity(text: string, where: string): bigint {
  if (!decimal.test(text)) throw badQuantity(`${where}: ${JSON.stringify(text)} is no decimal number >= 0`);
  return BigInt(new Big(text).times(scale.toString()).toFixed(0, Big.roundHalfEven));
}

/** Shortest decimal text of whole millionths: `1500000n` is `"1.5"`. */
export function quantityText(millionths: bigint): string {
  return new Big(millionths.toString()).div(scale.toString()).toFixed();
}

/** A finite number >= 0 as a quantity, to the millionth. @throws NEB500 for NaN, infinities and negatives. */
export function quantityOf(value: number, where: string): string {
  if (!Number.isFinite(value) || value < 0) throw badQuantity(`${where}: ${value} is no number >= 0`);
  return new Big(value).round(6, Big.roundHalfEven).toFixed();
}

/** `millionths * micros / divisor` in micro-units, rounded once, half to even, without an intermediate rounding. */
export function priceMicros(millionths: bigint, micros: number, divisor: bigint): bigint {
  const numerator = millionths * BigInt(micros);
  const denominator = scale * divisor;
  const whole = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice < denominator || (twice === denominator && whole % 2n === 0n)) return whole;
  return whole + 1n;
}

/** The quantity in units of the price (`unit-hours`), to the millionth, for people to read; never summed or priced. */
export function pricedQuantity(millionths: bigint, divisor: bigint): string {
  return quantityText(priceMicros(millionths, 1_000_000, divisor));
}
