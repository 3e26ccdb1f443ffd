import { describe, expect, it } from "vitest";
import type { Grant, Principal } from "../../../platform/identity/index.ts";
import { demandMerge, demandReach, sees, touchedBy } from "./touched.ts";

const principal = (part: Partial<Grant>): Principal => ({
  kind: "token",
  id: "x",
  name: "x",
  user: "ada",
  grants: [{ role: "developer", tenant: "shop", project: "store", ...part }],
  scopes: null,
  database: null,
});

describe("what a pull request touches", () => {
  it.each([
    ["tenants/shop/store/orders.ts", "pulls:merge", "shop", "store", "orders"],
    ["tenants/shop/store/project.ts", "pulls:merge", "shop", "store"],
    ["tenants/shop/store/deep/code.ts", "pulls:merge", "shop", "store"],
    ["tenants/shop/shared/x.ts", "pulls:merge", "shop", null],
    ["tenants/shop/defaults.ts", "pulls:merge", "shop", null],
    ["tenants/shop/tenant.ts", "tenants:write", "shop", null],
    ["tenants/fleet/prices.ts", "fleet:write", null, null],
    ["tenants/x.ts", "fleet:write", null, null],
    [".github/workflows/pulumi.yml", "fleet:write", null, null],
    ["Tenants/shop/store/orders.ts", "fleet:write", null, null],
    ["package.json", "fleet:write", null, null],
  ] as const)("%s needs %s", (path, scope, tenant, project, database?: string) => {
    const one = database === undefined ? {} : { database };
    expect(touchedBy([path])).toEqual([{ scope, tenant, project, path, ...one }]);
  });

  it("is seen only by who reaches all of it", () => {
    const both = touchedBy(["tenants/shop/store/a.ts", "tenants/bank/core/b.ts"]);
    expect(sees(principal({}), touchedBy(["tenants/shop/store/a.ts"]))).toBe(true);
    expect(sees(principal({}), both)).toBe(false);
    expect(sees(principal({ role: "platform-admin", tenant: null, project: null }), both)).toBe(true);
  });

  it("is merged only by who may change each of it", () => {
    const tenantFile = touchedBy(["tenants/shop/tenant.ts"]);
    expect(() => demandMerge(principal({ role: "project-admin", project: null }), tenantFile)).toThrow(/tenants:write/);
    expect(() => demandMerge(principal({}), touchedBy(["tenants/shop/store/a.ts"]))).toThrow(/pulls:merge/);
    expect(() => demandMerge(principal({ role: "domain-admin", project: null }), tenantFile)).not.toThrow();
  });

  it("is not proposed by who does not reach where the value is written", () => {
    expect(() => demandReach(principal({}), ["tenants/shop/store/a.ts"])).not.toThrow();
    expect(() => demandReach(principal({}), ["tenants/shop/shared/x.ts"])).toThrow(/shared\/x\.ts/);
    expect(() => demandReach(principal({ project: null }), ["tenants/shop/shared/x.ts"])).not.toThrow();
  });
});
