import { describe, expect, it } from "vitest";
import type { Grant } from "../identity/index.ts";
import { type Author, judgeChange, personOf, skeletonOf, strangeFiles, type TreeChange, touchedBy } from "./index.ts";

const existing = [
  "tenants/fleet/prices.ts",
  "tenants/acme/tenant.ts",
  "tenants/acme/shop/project.ts",
  "tenants/acme/shop/orders.ts",
  "tenants/lab/tenant.ts",
  "tenants/lab/research/papers.ts",
];
const change = (path: string, more: Partial<TreeChange> = {}): TreeChange => ({
  path,
  previousPath: null,
  oldMode: existing.includes(path) ? "100644" : "000000",
  newMode: "100644",
  ...more,
});
const author = (...grants: Grant[]): Author => personOf("ada@acme.example", grants);
const developer = author({ role: "developer", tenant: "acme", project: "shop" });
const domainAdmin = author({ role: "domain-admin", tenant: "acme", project: null });
const platformAdmin = author({ role: "platform-admin", tenant: null, project: null });
const codes = (who: Author, ...changes: TreeChange[]) => judgeChange(changes, who, existing).map(({ code }) => code);

describe("whose a path is", () => {
  it.each([
    ["tenants/shop/store/orders.ts", "pulls:merge", "databases:write", "shop", "store"],
    ["tenants/shop/store/deep/code.ts", "pulls:merge", "databases:write", "shop", "store"],
    ["tenants/shop/shared/x.ts", "pulls:merge", "databases:write", "shop", null],
    ["tenants/shop/defaults.ts", "pulls:merge", "databases:write", "shop", null],
    ["tenants/shop/tenant.ts", "tenants:write", "tenants:write", "shop", null],
    ["tenants/fleet/prices.ts", "fleet:write", "fleet:write", null, null],
    ["tenants/x.ts", "fleet:write", "fleet:write", null, null],
    [".github/workflows/pulumi.yml", "fleet:write", "fleet:write", null, null],
    ["Tenants/shop/store/orders.ts", "fleet:write", "fleet:write", null, null],
    ["package.json", "fleet:write", "fleet:write", null, null],
  ] as const)("%s takes %s to merge and %s to ask for", (path, scope, propose, tenant, project) => {
    expect(touchedBy([path])).toMatchObject([{ scope, propose, tenant, project, path }]);
  });

  it("a declaration is its database's too, so that the key of one database may change it", () => {
    const databaseOf = (path: string) => touchedBy([path])[0]?.database;
    expect(databaseOf("tenants/shop/store/orders.ts")).toBe("orders");
    expect(databaseOf("tenants/shop/store/project.ts")).toBeNull();
    expect(databaseOf("tenants/shop/store/lib/orders.ts")).toBeNull();
  });
});

describe("who may change it", () => {
  it("a developer changes his project, and nothing beside it", () => {
    expect(codes(developer, change("tenants/acme/shop/orders.ts"))).toEqual([]);
    for (const path of [
      "tenants/lab/research/papers.ts",
      "tenants/acme/tenant.ts",
      "tenants/acme/shared/defaults.ts",
      "tenants/acme/other/project.ts",
      "tenants/fleet/prices.ts",
      ".github/workflows/check.yml",
      "Pulumi.yaml",
      "vendor/platform.tgz",
    ])
      expect(codes(developer, change(path)), path).toEqual(["NEB395"]);
  });

  it("a rename is judged on both sides", () => {
    const moved = change("tenants/acme/shop/papers.ts", { previousPath: "tenants/lab/research/papers.ts" });
    expect(codes(developer, moved)).toEqual(["NEB395"]);
  });

  it("tenant.ts is its Domain Admin's, the rest of the repository a Platform Admin's", () => {
    expect(codes(domainAdmin, change("tenants/acme/tenant.ts"))).toEqual([]);
    expect(codes(domainAdmin, change("tenants/fleet/prices.ts"))).toEqual(["NEB395"]);
    expect(codes(platformAdmin, change("tenants/fleet/prices.ts"), change("package.json"))).toEqual([]);
  });

  it("nobody whom the platform does not know changes anything, and is told why", () => {
    const stranger: Author = { kind: "unknown", name: "mallory", why: "mallory is linked to no user" };
    const [finding] = judgeChange([change("tenants/acme/shop/orders.ts")], stranger, existing);
    expect(finding).toMatchObject({ code: "NEB395", paths: ["tenants/acme/shop/orders.ts"] });
    expect(finding?.message).toBe('"tenants/acme/shop/orders.ts": mallory is linked to no user');
  });

  it("one finding names every path of its kind", () => {
    const [finding, ...more] = judgeChange(
      [change("tenants/lab/research/papers.ts"), change("tenants/lab/research/b.ts")],
      developer,
      existing,
    );
    expect(more).toEqual([]);
    expect(finding?.paths).toEqual(["tenants/lab/research/papers.ts", "tenants/lab/research/b.ts"]);
  });
});

describe("what nobody may bring", () => {
  const whys = (path: string, more: Partial<TreeChange> = {}) =>
    strangeFiles([{ path, newMode: "100644", isNew: true, ...more }], existing).map(({ why }) => why);

  it.each([
    ["tenants/acme/shop/link.ts", { newMode: "120000" }, "is a symbolic link"],
    ["vendor/link", { newMode: "120000" }, "is a symbolic link"],
    ["tenants/acme/shop/module", { newMode: "160000" }, "is a submodule"],
    ["tenants/acme/shop/run.ts", { newMode: "100755" }, "is executable"],
    ["tenants/acme/shop/orders.ts", { newMode: "100664", isNew: false }, "has the mode 100664"],
    ["tenants/acme/../lab/research/a.ts", {}, "leads outside its folder"],
    ["tenants/acme/shop/.GIT/config", {}, "leads outside its folder"],
    ["tenants\\acme\\shop\\a.ts", {}, "leads outside its folder"],
    ["tenants/аcme/shop/orders.ts", {}, "has characters that a path below tenants/ cannot have"],
    ["tenants/acme/sho\u200bp/orders.ts", {}, "has characters that a path below tenants/ cannot have"],
    ["tenants/acme/shop/o\ufffdrders.ts", {}, "has characters that a path below tenants/ cannot have"],
    ["tenants/Acme/shop/orders.ts", {}, '"Acme" is no name of a tenant'],
    ["tenants/acme/SHOP/orders.ts", {}, '"SHOP" is no name of a project'],
    ["tenants/acme/shop./orders.ts", {}, '"shop." is no name of a project'],
    ["tenants/acme/shop/Orders.ts", {}, "looks like tenants/acme/shop/orders.ts"],
    ["Tenants/acme/shop/orders.ts", {}, "looks like tenants"],
    ["tеnants/acme/shop/orders.ts", {}, "looks like tenants"],
    ["ｔｅｎａｎｔｓ/acme/x.ts", {}, "looks like tenants"],
    [".GitHub/workflows/x.yml", {}, "looks like .github"],
    ["Package.json", {}, "looks like package.json"],
  ] as [string, Partial<TreeChange>, string][])("%s: it %s", (path, more, why) => {
    expect(whys(path, more)).toEqual([why]);
  });

  it("two new files that imitate each other are seen too", () => {
    const files = ["tenants/acme/shop/carts.ts", "tenants/acme/shop/Carts.ts"].map((path) => ({
      ...{ path, newMode: "100644", isNew: true },
    }));
    expect(strangeFiles(files, existing).map(({ path }) => path)).toEqual(["tenants/acme/shop/Carts.ts"]);
  });

  it("what goes away may have been anything", () => {
    expect(whys("tenants/acme/shop/link.ts", { newMode: "000000" })).toEqual([]);
  });

  it.each(["tenants/acme/shop/carts.ts", "tenants/acme/shop/lib/a.b.ts", "README.md", ".github/workflows/a.yml"])(
    "%s is an ordinary file",
    (path) => expect(whys(path)).toEqual([]),
  );
});

it("a skeleton folds case, form, marks, invisible letters and lookalikes", () => {
  for (const twin of ["ACME", "аcme", "ａcme", "ac\u200bme", "acmé", "αcmе"])
    expect(skeletonOf(twin), twin).toBe("acme");
  expect(skeletonOf("acmo")).not.toBe("acme");
});
