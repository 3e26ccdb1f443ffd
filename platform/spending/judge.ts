import type { BudgetSpec } from "../spec/index.ts";

export type BudgetJudged = {
  /** Of the budget, rounded down: 100 means that it is used up. */
  readonly percent: number;
  /** The steps that are reached, rising; 100 is always one where the budget suspends. */
  readonly reached: readonly number[];
  /** It is not used up, and will be. */
  readonly foreseen: boolean;
  readonly state: "ok" | "watch" | "over";
};

/** How a month stands with its budget. Pure. */
export function judgeBudget(
  { monthlyMicros, alerts, atCap }: BudgetSpec,
  { spentMicros, forecastMicros }: { readonly spentMicros: number; readonly forecastMicros: number | null },
): BudgetJudged {
  const percent = Math.max(0, Number((BigInt(spentMicros) * 100n) / BigInt(monthlyMicros)));
  const steps = atCap === "suspend" ? [...new Set([...alerts, 100])].sort((a, b) => a - b) : alerts;
  const reached = steps.filter((step) => percent >= step);
  const isOver = percent >= 100;
  const foreseen = !isOver && forecastMicros !== null && forecastMicros >= monthlyMicros;
  return { percent, reached, foreseen, state: isOver ? "over" : foreseen || reached.length > 0 ? "watch" : "ok" };
}
