/**
 * Metering: usage events over HTTP into a real portal with authorisation, limits and audit as they ship; and the hourly roll-up of
 * 100,000 databases in the ledger, with what it costs when little is new. The load comes from this process, on the same machine.
 */
import { openScope } from "../platform/core/index.ts";
import { issueToken } from "../platform/identity/index.ts";
import { typeOf } from "../platform/metering/index.ts";
import { makePool, type Pool, type Sql } from "../platform/sql/index.ts";
import { foldRecords, putSamples, putTraffic, rollUp, type UsageSample } from "../platform/store/index.ts";
import { openPortal } from "./ground/portal-process.ts";
import { percentile, progress, report, round } from "./ground/report.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 3);
const seconds = Number(process.env.NEBULA_BENCH_SECONDS ?? 10);
const databases = Number(process.env.NEBULA_BENCH_DATABASES ?? 100_000);
const [lanes, batchSize, keys] = [4, 500, 8];
const hourMs = 3_600_000;
/** Of ten databases so many are awake in an hour, and so many have backups. */
const [awakeOfTen, backedUpOfTen] = [3, 5];

type Ingested = { readonly perSecond: number; readonly p95Ms: number };
type Rolled = { readonly rollUpMs: number; readonly foldMs: number; readonly records: number; readonly lateMs: number };

let sent = 0;
const scope = openScope();
try {
  const { url, ledgerUrl, ledger } = await openPortal(scope, fill);
  const pool = makePool({ url: ledgerUrl, applicationName: "bench", statementTimeoutMs: 300_000 });
  const sql = scope.add(pool, (it) => it.close());
  progress("warming up");
  await ingest(url, ledger, 2);
  const [taken, rolled]: [Ingested[], Rolled[]] = [[], []];
  for (let run = 1; run <= runs; run++) {
    taken.push(await ingest(url, ledger, seconds));
    rolled.push(await rollOneHour(sql, run));
    progress(
      `run ${run} of ${runs}: ${round(taken.at(-1)?.perSecond ?? 0, 0)} events a second, ` +
        `an hour of ${databases} databases in ${round((rolled.at(-1)?.rollUpMs ?? 0) / 1000, 2)} s`,
    );
  }
  const middle = <T>(all: readonly T[], of: (one: T) => number) => percentile(all.map(of), 50);
  report({
    bench: "metering",
    runs,
    figures: {
      eventsPerSecond: round(
        middle(taken, (one) => one.perSecond),
        0,
      ),
      batchP95Ms: round(middle(taken, (one) => one.p95Ms)),
      hourlyRollUpSeconds: round(middle(rolled, (one) => one.rollUpMs) / 1000, 2),
      recordsRolledUp: middle(rolled, (one) => one.records),
      toDaysAndMonthsSeconds: round(middle(rolled, (one) => one.foldMs) / 1000, 2),
      aThousandLateMs: round(middle(rolled, (one) => one.lateMs)),
      databases,
    },
    goals: { eventsPerSecond: ">= 10000", hourlyRollUpSeconds: "<= 10" },
    notes: [
      `events: batches of ${batchSize} CloudEvents by ${lanes} connections and ${keys} keys, every one new, answered when it is durable`,
      `roll-up: all databases have storage, ${backedUpOfTen} of 10 backups, ${awakeOfTen} of 10 compute, connections, egress and requests in the hour`,
      "aThousandLateMs: rolling up again when 1,000 of those databases got something late; the others are not looked at",
    ],
  });
} finally {
  await scope.close();
}

function idOf(i: number): string {
  return `tenant-${i % 1000}.project-${i % 7}.database-${i}`;
}

/** The databases, and keys of somebody who may report usage. */
async function fill(sql: Sql): Promise<readonly string[]> {
  await sql.query(
    `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
     select format('tenant-%s.project-%s.database-%s', n % 1000, n % 7, n), format('tenant-%s.project-%s', n % 1000, n % 7),
       'database-' || n, 'postgres', 'aws', '18', 'Ready', '{}', 1, 'c0ffee'
     from generate_series(0, $1::int - 1) n`,
    [databases],
  );
  await sql.query("analyze");
  const grant = { name: "meter", role: "platform-admin", tenant: null, project: null, expiresAt: null } as const;
  const tokens = Array.from({ length: keys }, (_, i) => issueToken(sql, null, { ...grant, user: `meter-${i}` }));
  return (await Promise.all(tokens)).map(({ text }) => text.reveal());
}

async function ingest(url: string, tokens: readonly string[], duration: number): Promise<Ingested> {
  const times: number[] = [];
  const began = performance.now();
  let accepted = 0;
  const lane = async () => {
    while (performance.now() - began < duration * 1000) {
      const token = tokens[times.length % tokens.length];
      const body = JSON.stringify(Array.from({ length: batchSize }, () => eventOf(sent++)));
      const from = performance.now();
      const response = await fetch(`${url}/api/v1/usage/events`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/cloudevents-batch+json" },
        body,
      });
      const answer = (await response.json()) as { accepted?: number };
      if (answer.accepted !== batchSize) throw new Error(`${response.status}: ${JSON.stringify(answer).slice(0, 500)}`);
      times.push(performance.now() - from);
      accepted += answer.accepted;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { perSecond: accepted / ((performance.now() - began) / 1000), p95Ms: percentile(times, 95) };
}

/** Neighbours in time are of databases that are far apart. */
function eventOf(n: number) {
  return {
    specversion: "1.0",
    id: `event-${n}`,
    source: "https://edge.example/bench",
    type: typeOf("delta"),
    subject: idOf((n * 7919) % databases).replaceAll(".", "/"),
    time: new Date().toISOString(),
    data: { meter: n % 2 === 0 ? "egress_bytes" : "api_requests", quantity: String(1 + (n % 9973)) },
  };
}

/** Hours long ago, one a run: what the events above left open is not in them. */
async function rollOneHour(sql: Pool, run: number): Promise<Rolled> {
  const hour = Math.floor(Date.now() / hourMs) * hourMs - (100 - run) * hourMs;
  await fileHour(sql, hour, databases);
  await sql.query("vacuum analyze usage_pending");
  const [records, rollUpMs] = await timed(() => rollUp(sql, hour + hourMs));
  const [, foldMs] = await timed(() => foldRecords(sql));
  await fileHour(sql, hour, 1000, 1);
  const [, lateMs] = await timed(() => rollUp(sql, hour + hourMs));
  await foldRecords(sql);
  return { records, rollUpMs, foldMs, lateMs };
}

async function timed<T>(body: () => Promise<T>): Promise<readonly [T, number]> {
  const began = performance.now();
  const value = await body();
  return [value, performance.now() - began];
}

/** As the sampler and the gateways file it. */
async function fileHour(sql: Pool, hour: number, count: number, minute = 0): Promise<void> {
  const all = Array.from({ length: count }, (_, i) => i);
  for (let at = 0; at < count; at += 2_000) {
    const some = all.slice(at, at + 2_000);
    await putSamples(
      sql,
      some.map((i) => sampleOf(i, hour + minute * 60_000)),
    );
    const awake = some.filter(isAwake);
    await putTraffic(
      sql,
      awake.map((i) => ({
        line: crypto.randomUUID(),
        ...{
          instance: idOf(i),
          atMs: hour + minute * 60_000,
          bytesOut: 1_000 + i,
          bytesIn: 1,
          connections: 1,
          requests: 10,
        },
      })),
    );
  }
}

function isAwake(i: number): boolean {
  return i % 10 < awakeOfTen;
}

function sampleOf(i: number, slotMs: number): UsageSample {
  const awakeMs = isAwake(i) ? 60_000 : 0;
  return {
    ...{ instance: idOf(i), slotMs, slotSeconds: 60, untilMs: slotMs + 60_000, awakeMs, commit: "c0ffee" },
    ...{ computeUnitMs: awakeMs, frozenUnitMs: 0, connectionMs: awakeMs, branchByteMs: 0n },
    storageByteMs: 60_000n * BigInt(2 ** 30 + i),
    backupByteMs: i % 10 < backedUpOfTen ? 60_000n * BigInt(2 ** 28) : 0n,
    ...{ computeUnits: 1, storageBytes: 2 ** 30 + i, connections: 1, serverStartedAtMs: slotMs },
  };
}
