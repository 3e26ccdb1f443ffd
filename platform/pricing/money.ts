import Big from "big.js";

/** Micro-units as an exact decimal string: two places at least, six at most. `1500000` is `"1.50"`, `-4` is `"-0.000004"`. */
export function moneyText(micros: number): string {
  const exact = new Big(micros).div(1_000_000);
  const places = Math.max(2, exact.toFixed().split(".")[1]?.length ?? 0);
  return exact.toFixed(places);
}

/**
 * Money for people: two places, or as many as the currency has where those are more, rounded half to even, with its currency. An amount
 * that would show as nothing so keeps its own places. `{ sign: true }` writes a plus before a rise.
 */
export function formatMoney(micros: number, currency: string, { sign = false } = {}): string {
  const amount = new Big(micros).div(1_000_000);
  const places = Math.max(2, placesOf(currency));
  const short = amount.round(places, Big.roundHalfEven);
  const text = short.eq(0) && micros !== 0 ? moneyText(micros) : short.toFixed(places);
  return `${sign && micros > 0 ? "+" : ""}${text} ${currency}`;
}

/** Micro-units of the smallest amount that can be paid: a cent of a dollar is 10,000, a yen 1,000,000. */
export const minorUnitMicros = (currency: string): number => 10 ** (6 - placesOf(currency));

/**
 * Places of a currency's smallest unit as ISO 4217 has them: 2 of a dollar, none of a yen, 3 of a dinar. Written down and not asked of the
 * runtime, whose list is of what people print (a forint without its filler) and changes with its version: the same month must come to the
 * same amount. An ariary has fifths on paper and is paid whole.
 */
const placesOf = (currency: string): number =>
  withoutPlaces.has(currency) ? 0 : withThreePlaces.has(currency) ? 3 : withFourPlaces.has(currency) ? 4 : 2;

const withoutPlaces: ReadonlySet<string> = new Set([
  ...["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF"],
  ...["XOF", "XPF"],
]);
const withThreePlaces: ReadonlySet<string> = new Set(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]);
const withFourPlaces: ReadonlySet<string> = new Set(["CLF", "UYW"]);
