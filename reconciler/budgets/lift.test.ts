import { expect, test } from "vitest";
import type { BudgetSpec } from "../../platform/spec/index.ts";
import { whyOver } from "./lift.ts";

const hold = { project: "store", data: { month: "2026-05", budgetMicros: 5_000_000 } };
const budget: BudgetSpec = { project: "store", monthlyMicros: 5_000_000, alerts: [], atCap: "suspend" };

test("a hold of a budget stays while its month, its amount and its will stay", () => {
  expect(whyOver(hold, [budget], "2026-05")).toBeNull();
  expect(whyOver(hold, [budget], "2026-06")).toBe("the month is over");
  expect(whyOver(hold, [], "2026-05")).toBe("there is no such budget any more");
  expect(whyOver(hold, [{ ...budget, project: null }], "2026-05")).toBe("there is no such budget any more");
  expect(whyOver(hold, [{ ...budget, monthlyMicros: 9_000_000 }], "2026-05")).toBe("the budget was changed");
  expect(whyOver(hold, [{ ...budget, atCap: "tell" }], "2026-05")).toBe("the budget does not suspend any more");
});
