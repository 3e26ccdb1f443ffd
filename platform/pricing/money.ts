import Big from "big.js";

/** Micro-units as an exact decimal string: two places at least, six at most. `1500000` is `"1.50"`, `-4` is `"-0.000004"`. */
export function moneyText(micros: number): string {
  const exact = new Big(micros).div(1_000_000);
  const places = Math.max(2, exact.toFixed().split(".")[1]?.length ?? 0);
  return exact.toFixed(places);
}

/**
 * Money for people: two places, rounded half to even, with its currency. An amount that two places would show as nothing
 * keeps its own places. `{ sign: true }` writes a plus before a rise.
 */
export function formatMoney(micros: number, currency: string, { sign = false } = {}): string {
  const amount = new Big(micros).div(1_000_000);
  const short = amount.round(2, Big.roundHalfEven);
  const text = short.eq(0) && micros !== 0 ? moneyText(micros) : short.toFixed(2);
  return `${sign && micros > 0 ? "+" : ""}${text} ${currency}`;
}
