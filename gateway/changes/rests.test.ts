import { expect, test } from "vitest";
import { makeBackoff } from "../../platform/webhooks/index.ts";
import { makeRests } from "./rests.ts";

test("a receiver rests as a whole when five of its messages failed in a row", () => {
  let nowMs = 1_000;
  const rests = makeRests(
    makeBackoff(() => 0),
    () => nowMs,
  );
  for (let failures = 0; failures < 4; failures++) rests.failed("wh_a");
  expect(rests.resting()).toEqual([]);
  rests.failed("wh_a");
  expect(rests.resting()).toEqual(["wh_a"]);
  nowMs += 5_000;
  expect(rests.resting()).toEqual([]);
  rests.failed("wh_a");
  expect(rests.untilMs("wh_a")).toBe(nowMs + 30_000);
  rests.succeeded("wh_a");
  expect(rests.untilMs("wh_a")).toBe(0);
});
