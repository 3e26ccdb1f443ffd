import { describe, expect, it } from "vitest";
import type { Grant, Principal } from "../../../platform/identity/index.ts";
import { touchedBy } from "../../../platform/ownership/index.ts";
import { demandMerge, demandReach, sees } from "./touched.ts";

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
