/**
 * The gateway under pgbench: select-only and TPC-B, simple and prepared, 1 to 128 clients, against the same server by Unix socket and
 * by TCP and behind a PgBouncer in session mode. Cells are short, and every round tries all ways one after the other in another
 * order: a machine that is busy for a while is busy for all of them. What counts is the median over the rounds of a way's ratio to
 * PgBouncer in the same round.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openScope } from "../platform/core/index.ts";
import { type Endpoints, openEndpoints, type Way, type Ways } from "./ground/endpoints.ts";
import { percentile, progress, report, round } from "./ground/report.ts";

const run = promisify(execFile);
const rounds = Number(process.env.NEBULA_BENCH_RUNS ?? 9);
const seconds = Number(process.env.NEBULA_BENCH_SECONDS ?? 2);
const clientCounts = [1, 8, 32, 128];
/** What else a machine does decides a cell: many short ones. Hundreds of clients take most of a second to sign in. */
const secondsFor = ({ script, clients }: Cell) => {
  if (script === "tpcb") return seconds;
  return clients >= 128 ? seconds : seconds / 2;
};
const turnsFor = ({ script }: Cell) => (script === "tpcb" ? Math.max(1, Math.floor(rounds / 6)) : rounds);
/**
 * pgbench prepares a statement while its thread waits. Where transactions outnumber a pool, those that hold a server then stand behind those
 * that wait for one, in one thread: so TPC-B has a thread for each client.
 */
const threadsFor = ({ script, clients }: Cell) => (script === "tpcb" ? clients : Math.min(clients, 2));
const scale = 10;

type WayName = keyof Ways;
type Script = "select" | "tpcb";
type Protocol = "simple" | "prepared";
type Cell = { readonly script: Script; readonly protocol: Protocol; readonly clients: number };
type Measured = { readonly tps: number; readonly p50Us: number };
/** By way, one number a round. */
type Table = Map<WayName, Measured[]>;

const plain: readonly WayName[] = ["tcp", "pgbouncer", "pgbouncerUnix", "direct", "pooled"];
const encrypted: readonly WayName[] = ["pgbouncerTls", "directTls"];

/** The server's own socket is what nothing can be faster than; TLS is measured where its bytes and not its handshakes count. */
const waysOf = ({ script, clients }: Cell, hasTls: boolean): readonly WayName[] => [
  ...(clients === 1 ? (["unix"] as const) : []),
  ...plain,
  ...(hasTls && script === "select" && clients > 1 && clients < 128 ? encrypted : []),
];

const scope = openScope();
const tables = new Map<string, Table>();
let hasTls = false;
try {
  const endpoints = await openEndpoints(scope, scale);
  hasTls = endpoints.pgbenchTls !== undefined;
  const logs = scope.add(mkdtempSync(join(tmpdir(), "nebula-bench-log-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  for (const way of hasTls ? [...plain, ...encrypted] : plain)
    await measure(endpoints, endpoints.ways[way], { script: "select", protocol: "simple", clients: 32 }, logs);
  progress("every way is warm");
  for (const cell of cells()) {
    const ways = waysOf(cell, hasTls);
    const table: Table = new Map(ways.map((way) => [way, []]));
    tables.set(nameOf(cell), table);
    for (let turn = 0; turn < turnsFor(cell); turn++)
      for (const way of rotated(ways, turn))
        table.get(way)?.push(await measure(endpoints, endpoints.ways[way], cell, logs));
    progress(`${nameOf(cell)}: ${ways.map((way) => `${way} ${Math.round(median(tpsOf(table, way)))}`).join(", ")}`);
  }
} finally {
  await scope.close();
}

const select = clientCounts.flatMap((clients) =>
  (["simple", "prepared"] as const).map((protocol): Cell => ({ script: "select", protocol, clients })),
);
const ratio = (cell: Cell, way: WayName, to: WayName): number => {
  const table = tables.get(nameOf(cell)) ?? new Map();
  const [ours, theirs] = [tpsOf(table, way), tpsOf(table, to)];
  return median(ours.map((tps, i) => tps / (theirs[i] ?? Number.NaN)));
};
const added = (protocol: Protocol): number => {
  const table: Table = tables.get(nameOf({ script: "select", protocol, clients: 1 })) ?? new Map();
  const [ours, bare] = [table.get("direct") ?? [], table.get("tcp") ?? []];
  return median(ours.map(({ p50Us }, i) => p50Us - (bare[i]?.p50Us ?? Number.NaN)));
};
const figureOf = (way: string, { protocol, clients }: Cell) =>
  `${way}${protocol === "simple" ? "Simple" : "Prepared"}${clients}Ratio`;
const ratios = (way: WayName, to: WayName, cellsOf = select): Record<string, number> =>
  Object.fromEntries(cellsOf.map((cell) => [figureOf(way, cell), round(ratio(cell, way, to), 3)]));
const withTls = select.filter((cell) => waysOf(cell, hasTls).includes("directTls"));
const tpcb = select.map((cell): Cell => ({ ...cell, script: "tpcb" }));
const worst = (of: Readonly<Record<string, number>>) => Math.min(...Object.values(of));
const [direct, pooled] = [ratios("direct", "pgbouncer"), ratios("pooled", "pgbouncer")];

report({
  bench: "gateway",
  runs: rounds,
  figures: {
    ratioToPgbouncer: Math.min(worst(direct), worst(pooled)),
    addedP50Us: round(Math.max(added("simple"), added("prepared")), 1),
    ratioDirectToPgbouncer: worst(direct),
    ratioPooledToPgbouncer: worst(pooled),
    ratioDirectToPgbouncerUnix: worst(ratios("direct", "pgbouncerUnix")),
    ratioDirectToPostgresTcp: worst(ratios("direct", "tcp")),
    ratioTpcbDirectToPgbouncer: worst(ratios("direct", "pgbouncer", tpcb)),
    ratioTpcbPooledToPgbouncer: worst(ratios("pooled", "pgbouncer", tpcb)),
    ...(hasTls ? { ratioTlsToPgbouncerTls: worst(ratios("directTls", "pgbouncerTls", withTls)) } : {}),
    ...direct,
    ...pooled,
  },
  goals: { ratioToPgbouncer: ">= 0.9", addedP50Us: "<= 60" },
  notes: [
    `pgbench, scale ${scale}, ${seconds} s a cell (half for fewer than 128 clients of select), ${rounds} rounds (a sixth of that for TPC-B), medians of the ratios in one round`,
    "pgbouncer: session pooling, TCP on both sides; pgbouncerUnix: the server's Unix socket behind it, as behind our endpoints",
    "addedP50Us: one client's select by the direct endpoint, less the same by TCP to the server; the worse of simple and prepared",
    "the gateway schedules itself as batch work (decision 0035), which PgBouncer does not",
    hasTls ? "TLS: both with the same certificate" : "TLS was not measured: no pgbench with TLS is on PATH",
    ...[...tables].map(
      ([cell, table]) =>
        `${cell}: ${[...table.keys()].map((way) => `${way} ${Math.round(median(tpsOf(table, way)))}`).join(", ")} tps`,
    ),
  ],
});

function cells(): Cell[] {
  return (["select", "tpcb"] as const).flatMap((script) =>
    (["simple", "prepared"] as const).flatMap((protocol) =>
      clientCounts.map((clients): Cell => ({ script, protocol, clients })),
    ),
  );
}

function nameOf({ script, protocol, clients }: Cell): string {
  return `${script} ${protocol} ${clients}`;
}

function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function tpsOf(table: Table, way: WayName): number[] {
  return (table.get(way) ?? []).map(({ tps }) => tps);
}

function median(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : percentile(values, 50);
}

async function measure(endpoints: Endpoints, way: Way, cell: Cell, logs: string): Promise<Measured> {
  const program = way.tls ? (endpoints.pgbenchTls ?? endpoints.pgbench) : endpoints.pgbench;
  const isTimed = cell.clients === 1;
  const prefix = join(logs, "log");
  const { stdout } = await run(
    program,
    [
      ...["-h", way.host, "-p", String(way.port), "-U", endpoints.user, "-n"],
      ...["-c", String(cell.clients), "-j", String(threadsFor(cell)), "-T", String(secondsFor(cell))],
      ...["-M", cell.protocol, "-b", cell.script === "select" ? "select-only" : "tpcb-like"],
      ...(isTimed ? ["--log", `--log-prefix=${prefix}`] : []),
      way.database,
    ],
    { env: endpoints.environment(way) },
  );
  const tps = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1] ?? Number.NaN);
  if (!(tps > 0)) throw new Error(`pgbench said: ${stdout}`);
  return { tps, p50Us: isTimed ? takeP50(logs) : Number.NaN };
}

/** Of pgbench's log, whose third word is a transaction's microseconds; the log goes. */
function takeP50(logs: string): number {
  const times = readdirSync(logs).flatMap((name) => {
    const file = join(logs, name);
    const lines = readFileSync(file, "utf8").trim().split("\n");
    rmSync(file);
    return lines.map((line) => Number(line.split(" ")[2]));
  });
  return percentile(times, 50);
}
