import { expect, test } from "vitest";
import type { Clock } from "../../platform/core/index.ts";
import { type KeyAccess, makeKeys } from "./keys.ts";

const access: KeyAccess = { id: "k", name: "k", user: "u", access: "read", expiresAt: null };
const id = "acme.shop.orders" as const;

function stand() {
  const state = { nowMs: 0, answer: access as KeyAccess | undefined | Error, asked: 0 };
  const clock = { now: () => state.nowMs, monotonicMs: () => state.nowMs } as Clock;
  const keys = makeKeys({
    clock,
    async ask() {
      state.asked += 1;
      if (state.answer instanceof Error) throw state.answer;
      return state.answer;
    },
  });
  return { state, keys };
}

test("the portal is asked once in fifteen seconds, and once for all who ask at the same time", async () => {
  const { state, keys } = stand();
  await Promise.all([1, 2, 3].map(() => keys.find("key", id)));
  state.nowMs = 14_999;
  expect(await keys.find("key", id)).toEqual(access);
  expect(state.asked).toBe(1);
  state.nowMs = 15_001;
  state.answer = undefined;
  expect(await keys.find("key", id)).toBeUndefined();
});

test("while it is away what was known opens for an hour, and no longer than the key itself", async () => {
  const { state, keys } = stand();
  await keys.find("key", id);
  state.answer = new Error("away");
  state.nowMs = 3_599_000;
  expect(await keys.find("key", id)).toEqual(access);
  state.nowMs = 3_600_001;
  await expect(keys.find("key", id)).rejects.toMatchObject({ code: "NEB773" });
  const short = stand();
  short.state.answer = { ...access, expiresAt: new Date(60_000).toISOString() };
  await short.keys.find("key", id);
  short.state.answer = new Error("away");
  short.state.nowMs = 60_001;
  expect(await short.keys.find("key", id)).toBeUndefined();
});

test("what opens nothing is asked about again soon, and a key of one database says nothing about another", async () => {
  const { state, keys } = stand();
  state.answer = undefined;
  expect(await keys.find("key", id)).toBeUndefined();
  expect(await keys.find("key", id)).toBeUndefined();
  expect(state.asked).toBe(1);
  state.answer = access;
  expect(await keys.find("key", "acme.shop.other")).toEqual(access);
  state.nowMs = 5_001;
  expect(await keys.find("key", id)).toEqual(access);
});
