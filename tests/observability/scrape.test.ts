/** A real Prometheus with the written configuration: it discovers what there is, scrapes it once and records. */
import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { prometheusTool } from "../../launcher/index.ts";
import { makeMetrics, openScope, type Scope, Secret, systemClock } from "../../platform/core/index.ts";
import { keepReplica, putDatabaseSamples } from "../../platform/store/index.ts";
import { registerFleetGauges, toRow } from "../../reconciler/metrics/index.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { startCollector } from "./collector.ts";
import { declare } from "./ground.ts";
import { openTool } from "./tools.ts";

const prometheus = await openTool(prometheusTool);
const id = "shop.store.orders";
const scope: Scope = openScope();
let ledger: TestDatabase;
let asked = "";

beforeAll(async () => {
  ledger = scope.add(await testDatabase(), (it) => it.close());
  const { sql } = ledger;
  await declare(sql, id);
  const metrics = makeMetrics("reconciler");
  registerFleetGauges(metrics, sql, systemClock);
  const nobody = { observe: async () => undefined, load: async () => undefined };
  const parts = { sql, driver: nobody, glance: async () => undefined, observe: () => undefined, clock: systemClock };
  const collector = await startCollector({ ...parts, gateway: null, word: new Secret("word") }, async (path) => {
    if (path !== "/metrics") return undefined;
    const { contentType, body } = await metrics.render();
    return { status: 200, type: contentType, body };
  });
  const { address } = scope.add(collector, (it) => it.close());
  const kept = await keepReplica({ sql, observe: () => undefined, kind: "reconciler", version: "0", address });
  scope.add(kept, (it) => it.close());
  if (prometheus.isThere) asked = scope.add(await startPrometheus(address), (it) => it.close()).url;
}, 600_000);
afterAll(() => scope.close());

/** The written configuration, which names the usual port, and asks more often. */
async function startPrometheus(address: string) {
  const written = join(import.meta.dirname, "../../observability/prometheus");
  const home = mkdtempSync(join(tmpdir(), "ndb-prom-"));
  chmodSync(home, 0o755);
  for (const file of ["recording.yml", "alerts.yml", "objectives.yml"])
    copyFileSync(join(written, file), join(home, file));
  const config = readFileSync(join(written, "prometheus.yml"), "utf8");
  expect(config).toContain("http://127.0.0.1:4403/discovery/");
  const here = config.replaceAll("http://127.0.0.1:4403", address).replaceAll(/_interval: \d+s/g, "_interval: 1s");
  writeFileSync(join(home, "prometheus.yml"), here);
  const port = await freePort();
  const child = spawn(
    prometheus.path("prometheus"),
    [
      ...[`--config.file=${join(home, "prometheus.yml")}`, `--storage.tsdb.path=${join(home, "data")}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, "--log.level=warn"],
    ],
    { cwd: home, stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  for (const out of [child.stdout, child.stderr])
    out.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
    });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    "Prometheus is ready",
    async () => {
      if (child.exitCode !== null) throw new Error(`prometheus ended: ${said}`);
      return (await fetch(`${url}/-/ready`)).ok;
    },
    { timeoutMs: 60_000 },
  );
  return {
    url,
    async close() {
      child.kill("SIGTERM");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

type Result = { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] };

async function query(expr: string): Promise<readonly Result[]> {
  const response = await fetch(`${asked}/api/v1/query?${new URLSearchParams({ query: expr })}`);
  const { data } = (await response.json()) as { readonly data: { readonly result: readonly Result[] } };
  return data.result;
}

const found = (what: string, expr: string, fits: (result: Result) => boolean = () => true) =>
  eventually(what, async () => (await query(expr)).find(fits), { timeoutMs: 60_000, everyMs: 500 });

prometheus.it("a real Prometheus finds the processes and the databases by itself, and reads both", async () => {
  const now = Date.now();
  const sample = (operations: number, atMs: number) => ({
    ...{ state: "awake" as const, atMs, startedAtMs: 1, rates: {} },
    values: { operations, connections: 7, connectionsLimit: 10, computeUnits: 1, cpuSeconds: operations / 100 },
  });
  await putDatabaseSamples(ledger.sql, [toRow(id, sample(100, now))]);

  const process = await found("the reconciler is up", `up{job="nebuladb-processes"}`, ({ value }) => value[1] === "1");
  expect(process.metric).toMatchObject({ replica_kind: "reconciler" });
  const databases = await found("databases are read", `nebuladb_databases`);
  expect(databases.metric).toMatchObject({ engine: "postgres", phase: "Ready" });

  const connections = await found("sessions of the database are read", "nebuladb_database_connections");
  expect(connections.metric).toMatchObject({
    tenant: "shop",
    project: "store",
    database: "orders",
    engine: "postgres",
  });
  expect(connections.value[1]).toBe("7");
  const part = await found("the recorded share of its connections", "database:connections:ratio");
  expect(Number(part.value[1])).toBeCloseTo(0.7);

  // what grows has a rate, and the dashboards' series with it
  await found("the first value is there", "nebuladb_database_operations_total", ({ value }) => value[1] === "100");
  await putDatabaseSamples(ledger.sql, [toRow(id, sample(400, now + 1))]);
  const rate = await found("operations have a rate", "database:operations:rate", ({ value }) => Number(value[1]) > 0);
  expect(rate.metric).toMatchObject({ database: "orders" });

  // one that falls asleep says so, and shows no old sessions as new ones
  await putDatabaseSamples(ledger.sql, [{ ...toRow(id, sample(400, now + 1)), state: "asleep" }]);
  await found("it sleeps", `nebuladb_database_state{state="asleep"}`, ({ value }) => value[1] === "1");
  await eventually("its sessions are gone", async () => (await query("nebuladb_database_connections")).length === 0, {
    timeoutMs: 60_000,
    everyMs: 500,
  });
});
