import { expect, test } from "vitest";
import { type DatabaseSpec, type ProjectSpec, resolveBranch, resolveDatabase } from "../../platform/spec/index.ts";
import type { FleetRow } from "../../platform/store/index.ts";
import { admit } from "./admit.ts";

const known = (resolved: ReturnType<typeof resolveDatabase>): DatabaseSpec => {
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
};
const database = (name: string) => known(resolveDatabase({ engine: "postgres", name, options: { version: "18" } }));
const orders = database("orders");
const branch = known(resolveBranch({ name: "try-it", options: { of: "orders", ttl: "1h" } }, [orders]));
const project = (...databases: readonly DatabaseSpec[]): ProjectSpec => ({
  ...{ tenant: "acme", project: "shop", placement: "local", region: "local", quota: null, databases },
});
const fleet = {
  commit: "c",
  tenants: [],
  fleet: {
    quotas: { standard: { cpuUnits: 100, memoryBytes: 2 ** 50, storageBytes: 2 ** 50, databases: 2 } },
    providers: [{ placement: "local", region: "local", engines: ["postgres"] }],
    policies: {
      ...{ requiredTags: [], allowedExtensions: [], maxUnitsPerDatabase: 16, minBackupRetentionSeconds: 0 },
      allowPublicNetwork: false,
    },
  },
} as unknown as FleetRow;

test("a branch that is over leaves its place in the quota to another database, as the review says", () => {
  const codes = (ageSeconds: number) => {
    const ages = new Map([["try-it", ageSeconds]]);
    const running = project(orders, branch);
    const admission = admit(project(database("carts"), orders, branch), {}, { running, fleet, appeared: [], ages });
    return admission.kind === "refused" ? admission.problems.map(({ code }) => code) : admission.kind;
  };
  expect(codes(60)).toEqual(["NEB200"]);
  expect(codes(3600)).toBe("spec");
});
