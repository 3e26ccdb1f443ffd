import { exporterJob, identity, rule, span, type VitalRule } from "./engine-set.ts";

/**
 * What Kubernetes itself counts of a database's pods: cAdvisor and kube-state-metrics know namespaces and pods, the targets of service
 * discovery know whose they are (`namespace`, and `object`, the name of what the pods belong to).
 */
const object = (series: string, from: "pod" | "persistentvolumeclaim" = "pod"): string => {
  const pattern = from === "pod" ? "(.+)-[0-9]+" : "(?:data-)?(.+)-[0-9]+";
  return `sum by (namespace, object) (label_replace(${series}, "object", "$1", "${from}", "${pattern}"))`;
};

const whose = (engine: string): string =>
  `group by (namespace, object, ${identity}) (up{job="${exporterJob}",engine=~"${engine}"})`;

const owned = (expr: string, engine: string): string =>
  `sum by (${identity}) ((${expr}) * on (namespace, object) group_left (${identity}) ${whose(engine)})`;

const used = (name: string): string => object(`rate(${name}{container!=""}[${span}])`);
const limit = (resource: string): string => object(`kube_pod_container_resource_limits{resource="${resource}"}`);
const held = object(`container_memory_working_set_bytes{container!=""}`);

type PodVitals = Readonly<
  Record<
    "cpu" | "memory" | "memoryShare" | "diskRead" | "diskWritten" | "nodes" | "nodesHealthy" | "storage",
    VitalRule
  >
>;

/** The signs that do not depend on what runs in the pods. */
export const podVitals = (engine: string): PodVitals => ({
  cpu: rule(owned(`${used("container_cpu_usage_seconds_total")} / ${limit("cpu")}`, engine)),
  memory: rule(owned(held, engine)),
  memoryShare: rule(owned(`${held} / ${limit("memory")}`, engine)),
  diskRead: rule(owned(used("container_fs_reads_bytes_total"), engine)),
  diskWritten: rule(owned(used("container_fs_writes_bytes_total"), engine)),
  nodes: rule(owned(object("kube_pod_info"), engine)),
  nodesHealthy: rule(owned(object(`kube_pod_status_ready{condition="true"}`), engine)),
  storage: rule(owned(object("kubelet_volume_stats_used_bytes", "persistentvolumeclaim"), engine)),
});
