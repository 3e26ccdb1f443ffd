import { expect, test } from "vitest";
import { instanceMissing, instanceNotRunnable, meantToBeStopped } from "../../platform/compute/index.ts";
import { asNebulaError, type NebulaError } from "../../platform/core/index.ts";
import { ledgerUnavailable } from "../../platform/sql/index.ts";
import { branchExpired, databaseUnreached } from "./errors.ts";
import { outward } from "./outward.ts";

test("who may come hears that somebody paused or retired it, and how it starts", () => {
  expect(outward(meantToBeStopped("acme.shop.orders", "paused"))).toMatchObject({
    ...{ code: "NEB357", status: 409, message: "acme.shop.orders is paused" },
    hint: expect.stringContaining("nebula db resume"),
  });
  expect(outward(meantToBeStopped("acme.shop.orders", "retired")).hint).toContain("retire: true");
});

test("what the gateway refuses in its own words keeps them", () => {
  expect(outward(branchExpired('the branch "b" expired')).message).toBe('the branch "b" expired');
});

test.each<[string, NebulaError]>([
  ["a server that is out of reach", ledgerUnavailable("connect ENOENT /run/x")],
  ["one that the gateway could not reach", databaseUnreached("connect ENOENT /run/x")],
  ["one that is not there", instanceMissing("there is no instance a.b.c in /run/x")],
  ["one that is stopped, told by nobody we know", instanceNotRunnable("a.b.c is paused in /run/x")],
  ["a defect", asNebulaError(new Error("cannot read /run/x"))],
])("of %s only the title leaves", (_, fault) => {
  const { code, title, status } = fault;
  expect(outward(fault)).toMatchObject({ code, status, message: title });
});
