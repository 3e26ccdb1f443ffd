/** Rules, alerts and dashboards: right for Prometheus itself, and over series that somebody emits. */
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeProgram, prometheusTool } from "../../launcher/index.ts";
import {
  alertGroups,
  dashboards,
  foreignSeries,
  readPromql,
  recordGroups,
  testFiles,
  withoutVariables,
} from "../../observability/index.ts";
import { type GatewayProcess, startGateway } from "../gateway/gateway-process.ts";
import { type Emitted, emittedNames, ledgerNames } from "./emitted.ts";
import { openTool } from "./tools.ts";

const root = join(import.meta.dirname, "../..");
const written = join(root, "observability/prometheus");

const alerts = alertGroups.flatMap(({ alerts: those }) => those);
const records = recordGroups.flatMap(({ records: those }) => those);
const panels = dashboards.flatMap((dashboard) =>
  dashboard.panels.map((panel) => ({ where: `${dashboard.uid}: ${panel.title}`, ...panel })),
);
/** Every expression with where it stands, as Prometheus sees it. */
const expressions = [
  ...records.map(({ record, expr }) => ({ where: record, expr })),
  ...alerts.map(({ name, expr }) => ({ where: name, expr })),
  ...panels.flatMap(({ where, targets }) => targets.map(({ expr }) => ({ where, expr: withoutVariables(expr) }))),
];

const prometheus = await openTool(prometheusTool);

async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(prometheus.path("promtool"), [...args], { cwd: written });
  return stdout;
}

describe("for Prometheus", () => {
  it("the written files are what observability/*.ts says", async () => {
    const checked = promisify(execFile)(process.execPath, [join(root, "tools/observability.ts"), "--check"]);
    expect((await checked).stdout).toMatch(/are as/);
  });

  prometheus.it("configuration and rules are valid, and no two record the same", async () => {
    const said = await promtool("check", "config", "prometheus.yml");
    expect(said).not.toMatch(/FAILED|duplicate/);
    for (const file of ["recording.yml", "alerts.yml", "objectives.yml"])
      expect(await promtool("check", "rules", file)).toMatch(/SUCCESS/);
  });

  for (const file of Object.keys(testFiles))
    prometheus.it(
      `every alert fires in its example, and does not in the other: ${file}`,
      async () => expect(await promtool("test", "rules", file)).toMatch(/SUCCESS/),
      600_000,
    );

  prometheus.it("an example that is wrong is found: the control", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ndb-rules-"));
    try {
      for (const file of ["recording.yml", "alerts.yml"])
        writeFileSync(join(folder, file), readFileSync(join(written, file)));
      const wrong = {
        rule_files: ["recording.yml", "alerts.yml"],
        evaluation_interval: "1m",
        tests: [
          {
            interval: "1m",
            input_series: [{ series: `nebuladb_database_up{database="orders"}`, values: "1x20" }],
            alert_rule_test: [
              { eval_time: "10m", alertname: "DatabaseDown", exp_alerts: [{ exp_labels: { severity: "critical" } }] },
            ],
          },
        ],
      };
      writeFileSync(join(folder, "wrong.yml"), JSON.stringify(wrong));
      await expect(promtool("test", "rules", join(folder, "wrong.yml"))).rejects.toMatchObject({ code: 1 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("series", () => {
  let gateway: GatewayProcess;
  let home: string;
  let known: ReadonlySet<string>;
  let emitted: Emitted;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "ndb-gw-"));
    chmodSync(home, 0o755);
    gateway = await startGateway(home);
    emitted = emittedNames(await gateway.metrics());
    known = new Set([
      ...emitted.keys(),
      ...records.map(({ record }) => record),
      ...Object.values(foreignSeries).flat(),
    ]);
  }, 180_000);
  afterAll(async () => {
    await gateway?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it("that nobody emits are in no rule, no alert and no panel", () => {
    const strangers = expressions.flatMap(({ where, expr }) =>
      readPromql(expr).series.flatMap(({ name }) => (known.has(name) ? [] : [`${where} asks for ${name || expr}`])),
    );
    expect(strangers).toEqual([]);
  });

  it("that are called somebody else's are used, and not our own", () => {
    const used = new Set(expressions.flatMap(({ expr }) => readPromql(expr).series.map(({ name }) => name)));
    for (const [who, names] of Object.entries(foreignSeries))
      for (const name of names) {
        expect(used, `${name} of ${who} is in no expression`).toContain(name);
        if (who !== "prom-client, in every process") expect(emitted.has(name), name).toBe(false);
      }
  });

  it("of the platform have the labels that are asked of them, and that are grouped by", () => {
    expect(expressions.flatMap((one) => strangeLabels(one, emitted))).toEqual([]);
  });

  it("that are asked by a label that they do not have are found: the control", () => {
    for (const expr of [`nebuladb_drift_open{colour="red"}`, "max by (colour) (nebuladb_drift_open)"])
      expect(strangeLabels({ where: "here", expr }, emitted)).toEqual(["here asks for colour"]);
  });
});

describe("figures of the ledger, which every reconciler tells", () => {
  const shared = ledgerNames();
  /** Asks each reconciler whether it has them at all. */
  const apart = ["LedgerAway"];
  const addedUp = ({ where, expr }: Expression): readonly string[] =>
    readPromql(expr).series.flatMap(({ name, within }) =>
      shared.has(name) && !/^(max|min)$/.test(within ?? "") ? [`${where}: ${name} in ${within}`] : [],
    );

  it("are never added up over reconcilers, nor told once for each", () => {
    expect(shared.size).toBeGreaterThan(10);
    expect(expressions.filter(({ where }) => !apart.includes(where)).flatMap(addedUp)).toEqual([]);
  });

  it("that are added up are found: the control", () => {
    for (const expr of ["sum by (engine) (nebuladb_databases)", "nebuladb_databases > 3"])
      expect(addedUp({ where: "here", expr })).toHaveLength(1);
    expect(addedUp({ where: "here", expr: "sum(max by (engine) (nebuladb_databases))" })).toEqual([]);
  });
});

describe("values of labels that are asked for", () => {
  /** What people call things, Prometheus's own, and what is computed: the digits of a status. */
  const free = ["tenant", "project", "database", "job", "status"];
  const sources = globSync("{platform,gateway,portal,reconciler}/**/*.ts", {
    cwd: root,
    exclude: (path) => path.endsWith(".test.ts"),
  });
  const code = sources.map((path) => readFileSync(join(root, path), "utf8")).join("\n");
  const jobs = readFileSync(join(written, "prometheus.yml"), "utf8");
  const nowhere = ({ where, expr }: Expression): readonly string[] =>
    readPromql(expr).series.flatMap(({ name, values }) =>
      !/^(nebuladb_|up$)/.test(name)
        ? []
        : values.flatMap(({ label, value }) => {
            if (label === "job" && !jobs.includes(`job_name: ${value}\n`)) return [`${where}: no job ${value}`];
            if (free.includes(label)) return [];
            const literal =
              label === "le"
                ? new RegExp(`[[ ]${value.replace(".", "\\.")}[,\\]]`).test(code)
                : code.includes(`"${value}"`);
            return literal ? [] : [`${where}: no code says ${label}="${value}"`];
          }),
    );

  it("are said somewhere in the code: else a panel stays empty, and an alert silent", () => {
    expect(expressions.flatMap(nowhere)).toEqual([]);
  });

  it("that nobody says are found: the control", () => {
    for (const expr of [
      `rate(nebuladb_mails_total{verdict="eaten by a dog"}[5m])`,
      `nebuladb_http_request_duration_seconds_bucket{le="0.123"}`,
      `up{job="nebuladb-invented"}`,
    ])
      expect(nowhere({ where: "here", expr })).toHaveLength(1);
  });
});

type Expression = (typeof expressions)[number];

/** Labels that series of ours are asked by, or grouped by, and do not have. */
function strangeLabels({ where, expr }: Expression, emitted: Emitted): readonly string[] {
  const { series, grouped } = readPromql(expr);
  const asked = series.flatMap(({ name, matched }) => {
    const has = emitted.get(name);
    return has === undefined ? [] : matched.filter((label) => !has.includes(label) && !ofTargets.includes(label));
  });
  // what only some of the series have comes to the others by a join; of somebody else's it is not known
  const all = series.map(({ name }) => emitted.get(name));
  const some = all.every((labels) => labels !== undefined) ? [...all.flat(), ...ofTargets] : grouped;
  const groups = grouped.filter((label) => !some.includes(label));
  return [...asked, ...groups].map((label) => `${where} asks for ${label}`);
}

type Named = { readonly commands: readonly Named[]; name(): string };

/** What Prometheus gives every series of a target of ours. */
const ofTargets = ["job", "instance", "replica_kind", "host"];

describe("expressions", () => {
  it("are PromQL, by Prometheus's own grammar", () => {
    const wrong = expressions.filter(({ expr }) => readPromql(expr).wrongAt !== null);
    expect(wrong.map(({ where, expr }) => `${where}: ${expr}`)).toEqual([]);
  });

  it("that are no PromQL, and series that nobody has, are seen: the control", () => {
    expect(readPromql("sum(up").wrongAt).not.toBeNull();
    expect(readPromql(`sum(rate(invented_total{a="b",c=~"d|e",f!="g"}[5m]))`).series).toEqual([
      {
        ...{ name: "invented_total", matched: ["a", "c", "f"], within: "sum" },
        values: [
          { label: "a", value: "b" },
          { label: "c", value: "d" },
          { label: "c", value: "e" },
        ],
      },
    ]);
  });
});

describe("alerts", () => {
  it("have a name of their own, a time, and a runbook that says what to do", () => {
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
    for (const alert of alerts) {
      expect(alert.for, alert.name).toMatch(/^\d+[mh]$/);
      const runbook = join(root, "docs/runbooks", `${alert.runbook}.md`);
      expect(existsSync(runbook), `${alert.name}: docs/runbooks/${alert.runbook}.md`).toBe(true);
      const text = readFileSync(runbook, "utf8");
      expect(text, alert.runbook).toContain(alert.name);
      for (const part of ["## What it means", "## Look", "## Do"]) expect(text, alert.runbook).toContain(part);
    }
  });

  it("name no command in a runbook that there is not", async () => {
    const names = new Set<string>();
    const collect = (command: Named, before: string): void => {
      for (const child of command.commands) {
        names.add(`${before}${child.name()}`);
        collect(child, `${before}${child.name()} `);
      }
    };
    collect(await makeProgram(), "");
    const groups = new Set([...names].flatMap((name) => (name.includes(" ") ? [name.split(" ")[0]] : [])));
    const strangers = readdirSync(join(root, "docs/runbooks")).flatMap((file) => {
      const text = readFileSync(join(root, "docs/runbooks", file), "utf8");
      return [...text.matchAll(/`nebula ([a-z-]+)(?: ([a-z-]+))?/g)].flatMap(([, first = "", second]) => {
        const asked = second === undefined || !groups.has(first) ? first : `${first} ${second}`;
        return names.has(asked) ? [] : [`${file}: nebula ${asked}`];
      });
    });
    expect(strangers).toEqual([]);
  });

  it("are all that runbooks are about", () => {
    const about = new Set(alerts.map(({ runbook }) => `${runbook}.md`));
    const there = readdirSync(join(root, "docs/runbooks")).filter((name) => name !== "README.md");
    expect(there.filter((name) => !about.has(name))).toEqual([]);
    const list = readFileSync(join(root, "docs/runbooks/README.md"), "utf8");
    expect(there.filter((name) => !list.includes(`](${name})`))).toEqual([]);
    expect(alerts.map(({ name }) => name).filter((name) => !list.includes(`\`${name}\``))).toEqual([]);
  });

  /** The seeds' list and the issue's, by what is called when it happens. */
  it.each([
    ["a pod that is not ready for five minutes", "PlatformPodNotReady"],
    ["an error rate above 5 %", "ApiErrorRateHigh"],
    ["a p95 above one second", "ApiLatencyHigh"],
    ["errors of the data API", "DataApiErrorRateHigh"],
    ["figures that are not to be had", "DatabasePageDown"],
    ["a ledger that is away", "LedgerAway"],
    ["connection failures", "ConnectionFailures"],
    ["a certificate that ends within seven days", "CertificateExpires"],
    ["CPU above 80 %", "DatabaseCpuHigh"],
    ["memory above 90 %", "DatabaseMemoryHigh"],
    ["the maximum scale", "DatabaseAtMaximumScale"],
    ["slow queries", "DatabaseSlowQueries"],
    ["a backup that failed", "DatabaseBackupFailed"],
    ["a backup that is late", "DatabaseBackupLate"],
    ["a log that is not archived", "DatabaseArchiveBehind"],
    ["replication lag", "DatabaseReplicationLag"],
    ["a queue that grows old", "OperationsWait"],
    ["leases that churn", "LeasesChurn"],
    ["open drift", "DriftOpen"],
    ["a budget that is used up", "BudgetUsedUp"],
    ["99.9 % available", "ObjectiveBurnsApiAvailability1h"],
    ["an API p95 of 200 ms", "ObjectiveBurnsApiLatency1h"],
    ["database queries of 50 ms", "ObjectiveBurnsQueryLatency1h"],
  ])("call somebody for %s", (_, name) => {
    expect(alerts.map((alert) => alert.name)).toContain(name);
  });
});

describe("dashboards", () => {
  it("have the seed's thirteen panels for a database that is chosen", () => {
    const database = dashboards.find(({ uid }) => uid === "nebuladb-database");
    expect(database?.panels.map(({ title }) => title)).toEqual([
      ...["CPU usage", "Memory usage", "Disk read", "Disk write", "Queries per second", "Replication lag"],
      ...["Index usage", "Slow queries", "Node health", "Backup result", "Storage", "Storage growth an hour"],
      "Connections",
    ]);
    expect(database?.variables.map(({ label }) => label)).toEqual(["tenant", "project", "database"]);
    for (const { targets } of database?.panels ?? [])
      for (const { expr } of targets) expect(expr).toContain(`database="$database"`);
  });

  it("are there for every engine, the fleet, the control plane and billing, each with an identity of its own", () => {
    const uids = dashboards.map(({ uid }) => uid);
    expect(new Set(uids).size).toBe(uids.length);
    for (const of of ["postgres", "mysql", "mariadb", "mongodb", "redis", "elasticsearch"])
      expect(uids).toContain(`nebuladb-engine-${of}`);
    for (const of of ["fleet", "control-plane", "billing"]) expect(uids).toContain(`nebuladb-${of}`);
  });
});
