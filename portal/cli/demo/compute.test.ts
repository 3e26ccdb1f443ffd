import { expect, test } from "vitest";
import { resting } from "./compute.ts";

test("the demo of a frozen database says that a stop follows, when, and what a start then waits for", () => {
  expect(resting.frozen.join("\n")).toMatch(/ten minutes later.*stopped.*waits for Postgres to start/);
});
