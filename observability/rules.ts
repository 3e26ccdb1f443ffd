import { stringify } from "yaml";
import { objectiveAlerts, plainAlerts } from "./alerts/index.ts";
import { objectiveRecords, plainRecords } from "./records.ts";
import type { Alert, AlertGroup, Case, RecordGroup } from "./types.ts";

const made = "# Made by tools/observability.ts from observability/*.ts; edit those.\n";
const toYaml = (value: unknown): string => made + stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** `runbook` is a path in this repository: whoever sends alerts puts the address of theirs before it. */
const annotationsOf = ({ summary, runbook }: Alert) => ({ summary, runbook: `docs/runbooks/${runbook}.md` });

const recordsToGroups = (groups: readonly RecordGroup[]) =>
  groups.map(({ name, records }) => ({ name, rules: records.map(({ record, expr }) => ({ record, expr })) }));

const alertsToGroups = (groups: readonly AlertGroup[]) =>
  groups.map(({ name, alerts }) => ({
    name,
    rules: alerts.map((alert) => ({
      alert: alert.name,
      expr: alert.expr,
      for: alert.for,
      labels: { severity: alert.severity },
      annotations: annotationsOf(alert),
    })),
  }));

/** What Prometheus evaluates, by file. Objectives stand apart: their windows are days, and their tests with them. */
export const ruleFiles = {
  "recording.yml": () => toYaml({ groups: recordsToGroups(plainRecords) }),
  "alerts.yml": () => toYaml({ groups: alertsToGroups(plainAlerts) }),
  "objectives.yml": () =>
    toYaml({ groups: [...recordsToGroups(objectiveRecords), ...alertsToGroups(objectiveAlerts)] }),
} as const;

/** For `promtool test rules`: every alert once as it fires, and once as it does not. */
export const testFiles = {
  "tests.yml": () => testsOf(plain, "1m"),
  "tests-slow.yml": () => testsOf(plain, "10m"),
  "tests-objectives.yml": () => testsOf(promised, "1m"),
  "tests-objectives-slow.yml": () => testsOf(promised, "10m"),
  "tests-objectives-days.yml": () => testsOf(promised, "30m"),
} as const;

type Tested = {
  readonly files: readonly string[];
  readonly records: readonly RecordGroup[];
  readonly alerts: readonly AlertGroup[];
};
const plain: Tested = { files: ["recording.yml", "alerts.yml"], records: plainRecords, alerts: plainAlerts };
const promised: Tested = { files: ["objectives.yml"], records: objectiveRecords, alerts: objectiveAlerts };

const testsOf = ({ files, records, alerts: groups }: Tested, pace: NonNullable<Case["every"]>): string =>
  toYaml({
    rule_files: files,
    evaluation_interval: pace,
    // else promtool evaluates groups in any order, and what was recorded a pace ago is too old to be seen
    group_eval_order: [...records, ...groups].map(({ name }) => name),
    tests: groups
      .flatMap(({ alerts }) => alerts)
      .filter(({ fires }) => (fires.every ?? "1m") === pace)
      .flatMap((alert) => [
        testOf(alert, "fires", alert.fires, [
          {
            exp_labels: { severity: alert.severity, ...alert.fires.labels },
            exp_annotations: filled(annotationsOf(alert), alert.fires.labels),
          },
        ]),
        testOf(alert, "does not", alert.quiet, []),
      ]),
  });

const testOf = ({ name }: Alert, what: string, { input, at, every = "1m" }: Case, exp_alerts: readonly unknown[]) => ({
  name: `${name} ${what}`,
  interval: every,
  input_series: input.map(({ series, values }) => ({ series, values })),
  alert_rule_test: [{ eval_time: at, alertname: name, exp_alerts }],
});

/** As Prometheus fills them in. */
const filled = (annotations: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, text]) => [
      key,
      text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? ""),
    ]),
  );

/** What Prometheus itself is started with, beside these rules. */
export const prometheusConfig = (): string => {
  const discovered = (job: string, path: string, more: object = {}) => ({
    job_name: job,
    ...more,
    http_sd_configs: [{ url: `http://127.0.0.1:4403/discovery/${path}`, refresh_interval: "30s" }],
  });
  return toYaml({
    global: { scrape_interval: "15s", evaluation_interval: "15s" },
    rule_files: Object.keys(ruleFiles),
    scrape_configs: [
      discovered("nebuladb-processes", "processes"),
      discovered("nebuladb-databases", "databases", { honor_labels: true }),
      discovered("nebuladb-exporters", "exporters"),
    ],
  });
};
