/**
 * Reads of the portal's API with authorisation: one real portal process on a real ledger of 200 projects, 1,000 databases and 10,000
 * operations; 200 keys of as many users; limits, audit and headers as they ship. The load comes from this process (autocannon),
 * on the same machine: a core each, when it has two.
 */
import { readdirSync, readFileSync } from "node:fs";
import autocannon from "autocannon";
import { openScope } from "../platform/core/index.ts";
import { databaseName, fillLedger, type PortalLedger, projectName } from "./ground/portal-ledger.ts";
import { openPortal } from "./ground/portal-process.ts";
import { percentile, progress, report, round } from "./ground/report.ts";

type Load = {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
};
type Measured = Load & { readonly portalCpuMs: number; readonly ledgerCpuMs: number };

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 3);
const seconds = Number(process.env.NEBULA_BENCH_SECONDS ?? 10);
const connections = 24;

const scope = openScope();
try {
  const { url, pid, ledgerPid, ledger } = await openPortal(scope, (sql) => fillLedger(sql));
  progress("warming up");
  await load(url, ledger, 4);
  const measured: Measured[] = [];
  for (let run = 1; run <= runs; run++) {
    const before = cpuMs(pid, ledgerPid);
    const result = await load(url, ledger, seconds);
    const after = cpuMs(pid, ledgerPid);
    const portalCpuMs = (after.portal - before.portal) / result.requests;
    const ledgerCpuMs = (after.ledger - before.ledger) / result.requests;
    measured.push({ ...result, portalCpuMs, ledgerCpuMs });
    progress(
      `run ${run} of ${runs}: ${round(result.perSecond, 0)} requests a second, p95 ${round(result.p95Ms)} ms, ` +
        `${round(portalCpuMs, 3)} ms of the portal's and ${round(ledgerCpuMs, 3)} ms of the ledger's processor each`,
    );
  }
  const middle = (of: (one: Measured) => number) => percentile(measured.map(of), 50);
  report({
    bench: "portal",
    runs,
    figures: {
      requestsPerSecond: round(
        middle((one) => one.perSecond),
        0,
      ),
      p50Ms: round(middle((one) => one.p50Ms)),
      p95Ms: round(middle((one) => one.p95Ms)),
      p99Ms: round(middle((one) => one.p99Ms)),
      portalCpuMsPerRequest: round(
        middle((one) => one.portalCpuMs),
        3,
      ),
      ledgerCpuMsPerRequest: round(
        middle((one) => one.ledgerCpuMs),
        3,
      ),
      connections,
    },
    goals: { requestsPerSecond: ">= 1000", p95Ms: "<= 50" },
    notes: [
      `one portal process; 200 projects, 1,000 databases, 10,000 operations; 200 keys; ${connections} connections`,
      "of ten requests: 3 lists of databases, 3 of one database, 2 lists of operations, 1 of usage, 1 whoami; every answer was 200",
      "limits, authorisation and security headers as they ship; the load generator shares the machine",
    ],
  });
} finally {
  await scope.close();
}

/** The mix, a key after the other. */
function requestsOf({ readers, size }: PortalLedger): autocannon.Request[] {
  return readers.flatMap(({ tenant, token }, i) => {
    const project = projectName(i % size.projectsEach);
    const databases = `/api/v1/domain/${tenant}/project/${project}/databases`;
    const one = (n: number) => `${databases}/${databaseName((i + n) % size.databasesEach)}`;
    const operations = `/api/v1/operations?domain=${tenant}&project=${project}&limit=20`;
    const paths = [
      ...[databases, one(0), operations, databases, one(1)],
      ...[`/api/v1/usage?domain=${tenant}&project=${project}&limit=20`, one(2), databases, operations],
      "/api/v1/auth/whoami",
    ];
    return paths.map(
      (path): autocannon.Request => ({
        method: "GET",
        path,
        headers: { authorization: `Bearer ${token}`, accept: "application/json" },
      }),
    );
  });
}

async function load(url: string, ledger: PortalLedger, duration: number): Promise<Load> {
  const requests = requestsOf(ledger);
  const times: number[] = [];
  const statuses = new Map<number, number>();
  let started = 0;
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(
      {
        ...{ url, connections, duration, requests },
        // Each connection begins somewhere else: no two ask the same at the same time.
        setupClient(client) {
          const from = Math.floor((started++ * requests.length) / connections);
          client.setRequests([...requests.slice(from), ...requests.slice(0, from)]);
        },
      },
      (problem: unknown, done) => (problem ? reject(problem) : resolve(done)),
    );
    running.on("response", (_client, status, _bytes, ms) => {
      times.push(ms);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    });
  });
  if (result.errors > 0 || [...statuses.keys()].some((status) => status !== 200))
    throw new Error(`not every answer was 200: ${JSON.stringify([...statuses])}, ${result.errors} errors`);
  return {
    requests: times.length,
    perSecond: times.length / result.duration,
    p50Ms: percentile(times, 50),
    p95Ms: percentile(times, 95),
    p99Ms: percentile(times, 99),
  };
}

/** Processor time so far: of the portal, and of the ledger's server with its sessions. */
function cpuMs(portalPid: number, postmaster: number): { readonly portal: number; readonly ledger: number } {
  const stats = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const fields = read(`/proc/${name}/stat`).split(") ")[1]?.split(" ");
      return fields === undefined ? [] : [{ pid: Number(name), fields }];
    });
  // The 2nd field after the name is the parent, the 12th and 13th are ticks of 10 ms.
  const spent = (fields: readonly string[]) => (Number(fields[11]) + Number(fields[12])) * 10;
  const sum = (of: typeof stats) => of.reduce((total, { fields }) => total + spent(fields), 0);
  return {
    portal: sum(stats.filter(({ pid }) => pid === portalPid)),
    ledger: sum(stats.filter(({ pid, fields }) => pid === postmaster || Number(fields[1]) === postmaster)),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
