import { describe, expect, it } from "vitest";
import type { Taken } from "../../platform/store/index.ts";
import { networkOf } from "./address.ts";
import { makeLimiter } from "./leases.ts";
import { parseRules } from "./limits.ts";

describe("a limiter", () => {
  const budget = { name: "user", limit: 100, windowSeconds: 60 };
  const ask = async (limiter: ReturnType<typeof makeLimiter>, subject = "ada") => await limiter.spend(budget, subject);
  const admitted = async (limiter: ReturnType<typeof makeLimiter>, tries: number) => {
    let yes = 0;
    for (let i = 0; i < tries; i++) if ((await ask(limiter)).allowed) yes++;
    return yes;
  };

  /** The shared window, as the ledger keeps it. */
  function ledger(limit: number) {
    const state = { taken: 0, questions: 0, gone: false };
    const take = async (_key: string, { want }: { want: number }): Promise<Taken> => {
      state.questions++;
      if (state.gone) throw new Error("gone");
      const granted = Math.min(want, limit - state.taken);
      state.taken += granted;
      return { granted, left: limit - state.taken, resetMs: 60_000 };
    };
    return { state, take };
  }

  it("asks the ledger once for many requests, and not at all when a window is spent", async () => {
    const { state, take } = ledger(100);
    const limiter = makeLimiter({ take, monotonicMs: () => 0 });
    expect(await admitted(limiter, 100)).toBe(100);
    expect(state.questions).toBe(20);
    expect(await admitted(limiter, 1000)).toBe(0);
    expect(state.questions).toBe(20);
  });

  it("never carries a token into the next window", async () => {
    let nowMs = 0;
    const limiter = makeLimiter({
      take: async () => ({ granted: 5, left: 0, resetMs: 60_000 }),
      monotonicMs: () => nowMs,
    });
    expect(await admitted(limiter, 2)).toBe(2);
    nowMs = 60_000;
    expect(await admitted(limiter, 10)).toBe(5);
  });

  it("counts alone while the ledger is away, by the same rule, asks again each second and tells once", async () => {
    let nowMs = 0;
    const { state, take } = ledger(100);
    const told: unknown[] = [];
    const limiter = makeLimiter({ take, monotonicMs: () => nowMs, onAlone: (cause) => told.push(cause) });
    state.gone = true;
    expect(await admitted(limiter, 150)).toBe(100);
    expect([state.questions, told.length]).toEqual([1, 1]);
    nowMs = 1000;
    expect(await admitted(limiter, 10)).toBe(0);
    expect(state.questions).toBe(2);
    state.gone = false;
    nowMs = 2000;
    expect(await admitted(limiter, 100)).toBe(100);
  });
});

describe("the rules of NEBULA_LIMITS", () => {
  it("change numbers, windows and what a role gets", () => {
    const rules = parseRules("key=10, writes=7/30, user@domain-admin=9000");
    expect(rules.key).toMatchObject({ limit: 10, windowSeconds: 60 });
    expect(rules.writes).toMatchObject({ limit: 7, windowSeconds: 30 });
    expect(rules.user).toMatchObject({ limit: 2400, byRole: { "domain-admin": 9000 } });
  });

  it.each(["key", "key=0", "key=x", "nope=1", "key@king=1", "key=1/0", "key@viewer=1/5"])(
    "%s is refused by name",
    (text) => expect(() => parseRules(text)).toThrow(text),
  );
});

it.each([
  ["198.51.100.7", "198.51.100.7"],
  ["::ffff:198.51.100.7", "198.51.100.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["unknown", "unknown"],
])("the address %s counts as %s", (address, network) => expect(networkOf(address)).toBe(network));
