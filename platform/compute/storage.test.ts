import fc from "fast-check";
import { expect, test } from "vitest";
import { fullnessOf, fullnessUnder, headroomOf } from "./storage.ts";

const gib = 2 ** 30;

test("it is read-only at its limit, closed a tenth beyond, and writable again a little below", () => {
  const at = (part: number) => ({ usedBytes: part * gib, limitBytes: gib });
  expect(fullnessOf(at(0.99), undefined)).toBeUndefined();
  const full = fullnessOf(at(1), undefined);
  expect(full).toEqual({ mode: "read-only", closesAtBytes: gib + headroomOf(gib) });
  expect(fullnessOf(at(0.96), full)?.mode).toBe("read-only");
  expect(fullnessOf(at(0.94), full)).toBeUndefined();
  expect(fullnessOf(at(1.11), full)?.mode).toBe("closed");
});

test("whoever was found far past his limit still has room to delete in", () => {
  const found = fullnessOf({ usedBytes: 3 * gib, limitBytes: gib }, undefined);
  expect(found).toEqual({ mode: "read-only", closesAtBytes: 3 * gib + headroomOf(gib) });
});

const bytes = fc.integer({ min: 1, max: 2 ** 40 });

test("for any sizes: a limit with room for what is used opens it, and one without changes nothing for the better", () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, (usedBytes, limitBytes, raisedTo) => {
      const before = fullnessOf({ usedBytes, limitBytes }, undefined);
      const after = fullnessUnder({ usedBytes, limitBytes: raisedTo }, before);
      if (before === undefined || usedBytes < 0.95 * raisedTo) expect(after).toBeUndefined();
      else if (usedBytes < raisedTo) expect(after?.mode).toBe("read-only");
      // looked at once more, it is the same
      const measured = { usedBytes, limitBytes };
      expect(fullnessOf(measured, fullnessOf(measured, before))).toEqual(fullnessOf(measured, before));
    }),
  );
});
