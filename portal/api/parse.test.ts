import { expect, test } from "vitest";
import { z } from "zod";
import { parseInput } from "./parse.ts";
import type { AnyRoute } from "./route.ts";

const entry = {
  query: undefined,
  body: z.strictObject({ at: z.iso.datetime({ offset: true }).optional(), name: z.string() }),
} as unknown as AnyRoute;

const refusal = (body: unknown) => {
  try {
    parseInput(entry, { query: undefined, body });
    return undefined;
  } catch (thrown) {
    return thrown as { code: string; message: string; hint: string; fields: { errors: readonly object[] } };
  }
};

test("what is no moment is refused with the form that a moment has", () => {
  expect(refusal({ name: "x", at: "yesterday" })).toMatchObject({
    ...{ code: "NEB601", message: 'at: "yesterday" is not a moment' },
    hint: expect.stringContaining("2026-11-22T08:00:00Z"),
  });
  expect(refusal({ name: "x", at: "2026-11-22T08:00:00Z" })).toBeUndefined();
});

test("of several problems each has its own advice, where there is one", () => {
  expect(refusal({ at: "yesterday" })?.fields.errors).toMatchObject([
    { path: "at", hint: expect.stringContaining("ISO 8601") },
    { path: "name", message: "is required" },
  ]);
});
