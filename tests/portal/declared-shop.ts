/** A portal whose Git host has shop/store with two declared databases, one of them retired; nothing is deployed. */
import { type ProjectSpec, resolveDatabase, specHash } from "../../platform/spec/index.ts";
import { recordWanted } from "../../platform/store/index.ts";
import { projectOf } from "./deployed.ts";
import { type HostedPortal, startHostedPortal } from "./hosted.ts";

/** As somebody wrote it, with remarks. */
export const ordersText = `// The shop's orders.
import { Postgres } from "@nebuladb/platform";

export default new Postgres("orders", {
  version: "18",
  compute: { min: 0.25, max: 2, suspendAfter: "5m" }, // grows at Christmas
  storage: "10Gi",
  backups: { retention: "30d", pitr: true },
});
`;
const seed = new Map([
  [
    "tenants/shop/tenant.ts",
    'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({ plan: "standard" });\n',
  ],
  ["tenants/shop/store/project.ts", 'import { project } from "@nebuladb/platform";\n\nexport default project();\n'],
  ["tenants/shop/store/orders.ts", ordersText],
  [
    "tenants/shop/store/old.ts",
    'import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("old", { version: "18", retire: true });\n',
  ],
  ["package.json", "{}\n"],
]);
const optionsOf: Record<string, object> = {
  orders: {
    version: "18",
    compute: { min: 0.25, max: 2, suspendAfter: "5m" },
    storage: "10Gi",
    backups: { retention: "30d", pitr: true },
  },
  old: { version: "18", retire: true },
};

export async function startDeclaredShop(): Promise<HostedPortal> {
  const hosted = await startHostedPortal(seed);
  const spec = projectOf([declared("old"), declared("orders")]);
  await recordWanted(hosted.portal.sql, {
    ...{ tenant: "shop", project: "store", repository: "repo_1", commit: hosted.commit, tree: "t", unsettled: false },
    ...{ kind: "spec", spec, hash: specHash(spec) },
  });
  return hosted;
}

/** What the ledger holds of one of them. */
export function declared(name: string): ProjectSpec["databases"][number] {
  const resolved = resolveDatabase({ engine: "postgres", name, options: optionsOf[name] });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}
