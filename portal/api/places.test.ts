import { expect, test } from "vitest";
import { makePlaces } from "./places.ts";

/** A ledger whose answers the test holds back: what is counted is what was there when the question was asked. */
function ledger() {
  const state = { open: 0, asked: 0 };
  const one = async () => {
    state.asked += 1;
    const { open } = state;
    await new Promise((resolve) => setImmediate(resolve));
    return { open };
  };
  return { state, sql: { one } as unknown as Parameters<ReturnType<typeof makePlaces>["take"]>[0] };
}

const settle = async (take: Promise<() => void>) =>
  take.then(
    (leave) => leave,
    (thrown: { code: string }) => thrown.code,
  );

test("a crowd that comes at once gets exactly the places that there are", async () => {
  const { state, sql } = ledger();
  const places = makePlaces(10);
  state.open = 4;
  const taken = await Promise.all(Array.from({ length: 50 }, () => settle(places.take(sql, "shop"))));
  expect(taken.filter((one) => one === "NEB741")).toHaveLength(44);
});

test("whoever leaves while it is being counted is still counted, so that the limit is never passed", async () => {
  const { state, sql } = ledger();
  const places = makePlaces(1);
  const first = await places.take(sql, "shop");
  const second = settle(places.take(sql, "shop"));
  await Promise.resolve();
  state.open = 1; // its operation is written, and the request ends
  first();
  expect(await second).toBe("NEB741");
  state.open = 0;
  expect(await settle(places.take(sql, "shop"))).toBeTypeOf("function");
});

test("a tenant's places are his own, and a refusal takes none", async () => {
  const { sql } = ledger();
  const places = makePlaces(1);
  const leave = await places.take(sql, "shop");
  expect(await settle(places.take(sql, "bank"))).toBeTypeOf("function");
  expect(await settle(places.take(sql, "shop"))).toBe("NEB741");
  leave();
  expect(await settle(places.take(sql, "shop"))).toBeTypeOf("function");
});
