import { expect, test } from "vitest";
import { Secret } from "../core/index.ts";
import { limitsFor } from "./settings.ts";
import type { InstanceWanted } from "./types.ts";
import { mustBeSensible, mustOffer } from "./validate.ts";

const good: InstanceWanted = {
  ...{ id: "acme.shop.orders", version: "18", units: 1, databaseName: "orders", ownerRole: "orders-owner" },
  ...{
    ownerPassword: new Secret("x"),
    roles: [],
    extensions: [],
    allowFrom: ["10.0.0.0/8", "::1"],
    storageBytes: 1,
    tags: {},
    suspendAfterSeconds: 300,
    limits: limitsFor(1),
  },
};

test("a sensible wish passes", () => {
  expect(() => mustBeSensible(good, ["18"])).not.toThrow();
});

test("every problem is said at once", () => {
  const roles = ["pg_monitor", "Robert'); drop", "orders-owner"].map((name) => ({
    ...{ name, login: true, access: "read" as const, password: null },
  }));
  const bad: InstanceWanted = {
    ...good,
    ...{ id: "../../etc.a.b" as InstanceWanted["id"], units: 0, databaseName: "postgres", roles },
    ...{ allowFrom: ["10.0.0.0/33", "all", "1.2.3.4/8 trust\nhost"], storageBytes: 0 },
  };
  const message = (() => {
    try {
      mustBeSensible(bad, ["18"]);
      return "";
    } catch (thrown) {
      return (thrown as Error).message;
    }
  })();
  for (const part of ["id ", "0 compute units", '"postgres" is a reserved', '"pg_monitor" is a reserved', "Robert"])
    expect(message).toContain(part);
  for (const part of ["named twice", "10.0.0.0/33", '"all" is no CIDR', "trust", "0 bytes"])
    expect(message).toContain(part);
});

test("another version than the programs' is refused by name", () => {
  expect(() => mustBeSensible({ ...good, version: "17" }, ["18"])).toThrow(
    /wants PostgreSQL 17; this machine offers 18/,
  );
});

test("what reaches beyond the database is never offered, also when the binaries bring it", () => {
  const binaries = ["vector", "dblink", "postgres_fdw", "file_fdw", "pageinspect"];
  for (const name of binaries.slice(1))
    expect(() => mustOffer({ ...good, extensions: [name] }, binaries)).toThrow(/not available here; there are vector/);
  expect(() => mustOffer({ ...good, extensions: ["vector"] }, binaries)).not.toThrow();
});
