import { describe, expect, test } from "vitest";
import type { Owed } from "../../platform/store/index.ts";
import { type Dunning, type DunningRules, standingOf } from "./dunning.ts";

const dayMs = 86_400_000;
const due = Date.UTC(2026, 4, 1);
const owed = (id: string, dueMs = due): Owed => ({
  ...{
    id,
    tenant: "shop",
    number: id,
    totalMicros: 5_000_000,
    currency: "USD",
    dueAt: new Date(dueMs),
    failures: 0,
    payUrl: null,
  },
});
const suspends: DunningRules = { graceDays: 14, suspends: true };
const tells: DunningRules = { graceDays: 14, suspends: false };

/** Every hour of so many days, as the worker looks; what was said when, in days after the invoice was due. */
function follow(rules: DunningRules, days: number, owedAt: (day: number) => readonly Owed[], everyMs = 3_600_000) {
  const said: string[] = [];
  let before: Dunning["standing"] | undefined;
  for (let ms = due - dayMs; ms <= due + days * dayMs; ms += everyMs) {
    const day = (ms - due) / dayMs;
    const { standing, say } = standingOf(owedAt(day), before, rules, ms);
    if (say !== "nothing") said.push(`${Math.round(day)} ${say} ${standing.state}`);
    before = standing;
  }
  return said;
}

describe("dunning", () => {
  test("says nothing of what is not due", () => {
    expect(standingOf([owed("a", due + 1)], undefined, suspends, due)).toMatchObject({
      say: "nothing",
      standing: { state: "good" },
    });
  });

  test("reminds at its steps, once each, and suspends when the grace is over", () => {
    expect(follow(suspends, 40, () => [owed("a")])).toEqual([
      "0 reminder grace",
      "3 reminder grace",
      "7 reminder grace",
      "14 suspended suspended",
    ]);
  });

  test("only reminds where nothing is suspended", () => {
    expect(follow(tells, 40, () => [owed("a")])).toEqual([0, 3, 7, 14, 21, 28].map((day) => `${day} reminder overdue`));
  });

  test("is over when it is paid, also after it was suspended", () => {
    expect(follow(suspends, 20, (day) => (day < 5 ? [owed("a")] : []))).toEqual([
      "0 reminder grace",
      "3 reminder grace",
      "5 settled good",
    ]);
    expect(follow(suspends, 20, (day) => (day < 16 ? [owed("a")] : [])).at(-1)).toBe("16 settled good");
  });

  test("goes by the oldest invoice, and begins anew with the next", () => {
    const both = [owed("b", due + 10 * dayMs), owed("a")];
    expect(standingOf(both, undefined, suspends, due + dayMs)).toMatchObject({ owed: { id: "a" } });
    expect(follow(suspends, 30, (day) => (day < 12 ? both : [both[0] as Owed]))).toEqual([
      ...["0 reminder grace", "3 reminder grace", "7 reminder grace"],
      ...["12 reminder grace", "13 reminder grace", "17 reminder grace", "24 suspended suspended"],
    ]);
  });

  test("tells only the last step to whom it did not look at for long", () => {
    expect(follow(tells, 40, () => [owed("a")], 10 * dayMs)).toEqual([
      "9 reminder overdue",
      "19 reminder overdue",
      "29 reminder overdue",
    ]);
  });

  test("suspends nobody who was not warned three days before, also not for what was long overdue when it first looked", () => {
    const first = standingOf([owed("a")], undefined, suspends, due + 100 * dayMs);
    expect(first).toMatchObject({
      say: "reminder",
      standing: { state: "grace" },
      suspendedAt: new Date(due + 103 * dayMs),
    });
    const early = standingOf([owed("a")], first.standing, suspends, due + 102 * dayMs);
    expect(early).toMatchObject({ say: "nothing", standing: { state: "grace" } });
    expect(standingOf([owed("a")], early.standing, suspends, due + 103 * dayMs)).toMatchObject({ say: "suspended" });
    const told = standingOf([owed("a")], undefined, tells, due + 100 * dayMs).standing;
    expect(standingOf([owed("a")], told, suspends, due + 101 * dayMs)).toMatchObject({ standing: { state: "grace" } });
  });

  test("says until when there is time", () => {
    const { suspendedAt } = standingOf([owed("a")], undefined, suspends, due);
    expect(suspendedAt).toEqual(new Date(due + 14 * dayMs));
    expect(standingOf([owed("a")], undefined, tells, due).suspendedAt).toBeNull();
  });
});
