import { expect, test } from "vitest";
import { planLines } from "./plan-lines.ts";

const change = (path: string, from: unknown, to: unknown) => ({ path, from, to, effect: "online", why: "at once" });

test("a plan in words names migrations and options as a declaration does, and no hash or spec", () => {
  const sha = "5b9c0a".repeat(10);
  const plan = {
    project: [change("region", "local", "eu")],
    steps: [
      {
        ...{ kind: "change", database: "carts", risk: "none" },
        changes: [
          change("migrations.0002_notes", null, sha),
          change("api", null, { maxBodyBytes: 4_194_304 }),
          change("storageBytes", 2 ** 30, 2 ** 31),
        ],
      },
    ],
  } as unknown as Parameters<typeof planLines>[0];
  expect(planLines(plan).map(({ database, step, what }) => [database, step, what])).toEqual([
    [null, "change", "region local → eu"],
    ["carts", "change", "migrations 0002_notes added"],
    ["carts", "change", "data API on"],
    ["carts", "change", "storage 1Gi → 2Gi"],
  ]);
});
