import { expect, test } from "vitest";
import { withId } from "./with-id.ts";

test("a webhook is known by its table and address", () => {
  const one = { table: "public.a", events: ["insert"], url: "https://a.example", secret: "s" };
  expect(withId(one).id).toBe(withId({ ...one, events: ["delete"], secret: "t" }).id);
  expect(withId(one).id).not.toBe(withId({ ...one, table: "public.b" }).id);
});
