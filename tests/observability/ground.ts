/** Real servers in a real ledger, looked at by the collector. */
import type { InstanceWanted } from "../../platform/compute/index.ts";
import type { Observation } from "../../platform/core/index.ts";
import { type DatabaseSpec, resolveDatabase } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { recordInstance, reserveInstance } from "../../platform/store/index.ts";
import type { MetricsParts } from "../../reconciler/metrics/index.ts";
import type { Ground } from "../compute/ground.ts";

/** Makes it, and says in the ledger that it is there. */
export async function deploy(
  sql: Sql,
  { driver }: Ground,
  wanted: InstanceWanted,
  changes: Partial<DatabaseSpec> = {},
): Promise<void> {
  const { host, dataDir } = await driver.ensure(wanted);
  await declare(sql, wanted.id, changes, { host, dataDir });
}

/** In the ledger alone. */
export async function declare(
  sql: Sql,
  id: InstanceWanted["id"],
  changes: Partial<DatabaseSpec> = {},
  place: { readonly host: string; readonly dataDir: string } = { host: "/nowhere", dataDir: "/nowhere" },
): Promise<void> {
  const [tenant = "", project = "", name = ""] = id.split(".");
  const resolved = resolveDatabase({ engine: "postgres", name, options: { version: "18" } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  const spec = { ...resolved.spec, ...changes };
  await reserveInstance(sql, { id, stack: `${tenant}.${project}`, placement: "local", spec, fence: 1, commit: null });
  await recordInstance(sql, { id, fence: 1, phase: "Ready", ...place });
}

export const partsOf = (sql: Sql, { driver }: Ground, observed: Observation[] = []): MetricsParts => ({
  ...{ sql, driver, glance: driver.machinery.glance, observe: (it) => void observed.push(it) },
});
