import { expect, test } from "vitest";
import { resolveDatabase } from "../spec/index.ts";
import { diffInputs } from "./diff.ts";
import type { DatabaseInputs } from "./effects.ts";
import { toInputs, toProperties } from "./inputs.ts";

function inputs(options: object = {}, name = "orders"): DatabaseInputs {
  const resolved = resolveDatabase({ engine: "postgres", name, options: { version: "18", ...options } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return { tenant: "acme", project: "shop", placement: "local", region: "local", ...resolved.spec };
}

test("inputs come back from Pulumi's properties as they went in", () => {
  const sent = inputs({ tags: { team: "blue" }, roles: [{ name: "reader", access: "read" }] });
  const stored = JSON.parse(JSON.stringify({ ...toProperties(sent), host: "h", port: 1, credentialRef: "c" }));
  expect(toInputs(stored)).toEqual(sent);
  expect(diffInputs(toInputs(stored), sent)).toEqual([]);
});

test("each property that differs is named, and nothing else", () => {
  const before = inputs({ tags: { team: "blue", old: "x" } });
  const after = inputs({ tags: { team: "red" }, compute: { min: 0.25, max: 4 }, extensions: ["pg_trgm"] });
  expect(diffInputs(before, after)).toEqual([
    { path: "compute.maxUnits", kind: "update", replaces: false },
    { path: "extensions", kind: "update", replaces: false },
    { path: 'tags["old"]', kind: "delete", replaces: false },
    { path: 'tags["team"]', kind: "update", replaces: false },
  ]);
});

test("what makes it another database replaces it", () => {
  const one = inputs();
  expect(diffInputs(one, { ...one, placement: "kubernetes" })).toEqual([
    { path: "placement", kind: "update", replaces: true },
  ]);
  expect(diffInputs(one, inputs({}, "carts"))).toEqual([{ path: "name", kind: "update", replaces: true }]);
});

test("properties that are no database's are refused with a code", () => {
  expect(() => toInputs({ tenant: "../x", project: "shop", name: "orders" })).toThrow(
    expect.objectContaining({ code: "NEB324" }),
  );
});
