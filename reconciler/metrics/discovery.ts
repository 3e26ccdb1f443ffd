import { objectNames } from "../../platform/spec/index.ts";
import type { Replica, ScrapedDatabase } from "../../platform/store/index.ts";

/** What Prometheus reads from `http_sd_configs` and `file_sd_configs`: https://prometheus.io/docs/prometheus/latest/http_sd/ */
export type TargetGroup = { readonly targets: readonly string[]; readonly labels: Readonly<Record<string, string>> };

/** The port of the exporter that KubeDB runs beside a database. */
const exporterPort = 56790;

/**
 * The platform's own processes, and the gateway of this machine, which the ledger does not know. One that does not beat any more stays a
 * target for as long as the ledger has it (an hour): what is not asked is not missed. Who stopped in peace is not in the ledger.
 */
export function processTargets(replicas: readonly Replica[], gateway: string | null): readonly TargetGroup[] {
  const found = new Map<string, TargetGroup>();
  for (const { kind, host, address } of replicas) {
    if (address === null || kind === "forge") continue;
    const target = new URL(address).host;
    found.set(target, { targets: [target], labels: { replica_kind: kind, host } });
  }
  if (gateway !== null) found.set(gateway, { targets: [gateway], labels: { replica_kind: "gateway", host: "" } });
  return [...found.values()];
}

/** Databases of this machine are read on one page of the reconciler's. */
export const databasePageTargets = (address: string): readonly TargetGroup[] => [
  { targets: [new URL(address).host], labels: { __metrics_path__: "/metrics/databases" } },
];

/** Databases that have an exporter beside them, one target each. `object` names what their pods belong to. */
export function exporterTargets(databases: readonly ScrapedDatabase[]): readonly TargetGroup[] {
  return databases
    .filter(({ placement }) => placement === "kubernetes")
    .map(({ id, engine }) => {
      const [tenant = "", project = "", database = ""] = id.split(".");
      const { namespace, resource } = objectNames(tenant, project, database);
      return {
        targets: [`${resource}-stats.${namespace}.svc:${exporterPort}`],
        labels: { tenant, project, database, engine, namespace, object: resource },
      };
    });
}
