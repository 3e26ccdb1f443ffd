import { divideToEven, minorUnitMicros, moneyText } from "../pricing/index.ts";

/** An amount for people, in whole smallest units of its currency. */
export function shortMoney(micros: number, currency: string): { readonly amount: string; readonly currency: string } {
  const unit = minorUnitMicros(currency);
  return { amount: moneyText(divideToEven(BigInt(micros), BigInt(unit)) * unit), currency };
}
