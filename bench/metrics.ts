/**
 * The metrics path (seed 002): four portals over one ledger, a reconciler that looks at real servers over HTTP, and people who have
 * pictures of databases open that are drawn anew every five seconds. Its peer, in the same run, is a look for every question.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres, quiet, resolvePostgres } from "../launcher/index.ts";
import { limitsFor, type MachineDriver, makeLocalDriver, makePostgresServer } from "../platform/compute/index.ts";
import { asNebulaError, makeVault, openScope, type Scope, Secret, systemClock } from "../platform/core/index.ts";
import { type DatabaseId, resolveDatabase } from "../platform/spec/index.ts";
import { connectOnce, makePool, type Pool } from "../platform/sql/index.ts";
import { keepReplica, migrate, recordInstance, reserveInstance } from "../platform/store/index.ts";
import {
  inPostgres,
  type Layer,
  makeServedMetrics,
  makeSource,
  type ServedMetrics,
  type Source,
} from "../portal/metrics/index.ts";
import { makeMetricsWeb } from "../reconciler/metrics/index.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { freePort } from "./ground/sides.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 3);
const seconds = Number(process.env.NEBULA_BENCH_SECONDS ?? 40);
const databases = Number(process.env.NEBULA_BENCH_DATABASES ?? 16);
const [portals, people, everyMs] = [4, 800, 5_000];

type Answered = { readonly layer: Layer; readonly ms: number };

const scope = openScope();
try {
  const { sql, ids, source } = await makeGround(scope);
  const measured: Answered[][] = [];
  const direct: number[] = [];
  for (let run = 1; run <= runs; run++) {
    const served = Array.from({ length: portals }, () => servedOver(sql, source));
    const answers = await watchPictures(served, ids);
    await Promise.all(served.map((it) => it.close()));
    measured.push(answers);
    for (const id of ids) direct.push(await timed(() => source.look(id)));
    progress(`run ${run} of ${runs}: ${answers.length} answers, ${round(100 * hitsOf(answers), 2)} % from memory`);
  }
  const all = measured.flat();
  const of = (layer: Layer) => all.filter((one) => one.layer === layer).map(({ ms }) => ms);
  report({
    bench: "metrics",
    runs,
    figures: {
      l1P50Ms: round(percentile(of("l1"), 50), 4),
      l1P95Ms: round(percentile(of("l1"), 95), 4),
      l2P50Ms: round(percentile(of("l2"), 50), 2),
      l2P95Ms: round(percentile(of("l2"), 95), 2),
      hitRatio: round(Math.min(...measured.map(hitsOf)), 4),
      answers: all.length,
      lookP50Ms: round(percentile(direct, 50), 1),
      ratioToLooks: round(
        percentile(
          all.map(({ ms }) => ms),
          50,
        ) / percentile(direct, 50),
        4,
      ),
    },
    goals: { l1P95Ms: "<= 1", l2P95Ms: "<= 10", hitRatio: ">= 0.95" },
    notes: [
      `${portals} portals in one process, ${databases} real databases, ${people} people with a picture that is drawn every ${everyMs / 1000} s, ${seconds} s a run`,
      "the worst run's hitRatio; a hit came from a portal's memory, from what portals share, or past its time while it was looked up again",
      "the peer is a look for every question: lookP50Ms",
    ],
  });
} finally {
  await scope.close();
}

function hitsOf(answers: readonly Answered[]): number {
  return answers.filter(({ layer }) => layer !== "source").length / answers.length;
}

async function timed(body: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await body();
  return performance.now() - began;
}

function servedOver(sql: Pool, source: Source): ServedMetrics {
  return makeServedMetrics({ second: inPostgres(sql), source, observe: () => undefined, clock: systemClock });
}

/** Everybody looks at one database, a few of which many look at, through a portal that a balancer gave them; nobody waits for another. */
async function watchPictures(served: readonly ServedMetrics[], ids: readonly DatabaseId[]): Promise<Answered[]> {
  const answers: Answered[] = [];
  const until = performance.now() + seconds * 1000;
  const watch = async (person: number): Promise<void> => {
    // the n-th database has an n-th of the first one's people
    const id = ids[Math.min(ids.length - 1, Math.floor(ids.length ** ((person % 97) / 97)) - 1)] as DatabaseId;
    const portal = served[person % served.length] as ServedMetrics;
    await systemClock.sleep((person / people) * everyMs);
    while (performance.now() < until) {
      const began = performance.now();
      const { layer } = await portal.read(id);
      answers.push({ layer, ms: performance.now() - began });
      await systemClock.sleep(everyMs);
    }
  };
  await Promise.all(Array.from({ length: people }, (_, person) => watch(person)));
  return answers;
}

async function makeGround(into: Scope): Promise<{ sql: Pool; ids: readonly DatabaseId[]; source: Source }> {
  const home = into.add(mkdtempSync(join(tmpdir(), "nebula-bench-metrics-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  chmodSync(home, 0o711);
  const { binDir: pgBin } = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  const ledger = into.add(
    await makePostgresServer({
      ...{ pgBin, port: await freePort(), password: new Secret("bench"), databases: ["nebula"] },
      ...{ dataDir: join(home, "ledger"), socketDir: join(home, "run") },
    }),
    (it) => it.stop("immediate"),
  );
  await ledger.start();
  await connectOnce(ledger.url("nebula"), (owner) => migrate(owner));
  const sql = into.add(makePool({ url: ledger.url("nebula"), applicationName: "bench", max: 10 }), (it) => it.close());
  const vault = makeVault(new Secret(Buffer.alloc(32, 5).toString("base64")));
  const driver = into.add(
    await makeLocalDriver({ dataDir: join(home, "data"), pgBin, vault, spares: 0 }),
    async (it) => {
      for (const { id } of await it.list()) await it.stop(id, "immediate");
      await it.close();
    },
  );
  progress(`making ${databases} databases`);
  const ids: DatabaseId[] = [];
  for (let n = 1; n <= databases; n++) ids.push(await makeDatabase(sql, driver, `bench.metrics.db${n}`));
  const word = new Secret("a word of a bench");
  const address = await serve(into, sql, driver, word);
  const beat = { sql, observe: () => undefined, kind: "reconciler", version: "bench", address } as const;
  into.add(await keepReplica(beat), (it) => it.close());
  return { sql, ids, source: makeSource({ sql, word }) };
}

async function makeDatabase(sql: Pool, driver: MachineDriver, id: DatabaseId): Promise<DatabaseId> {
  const { host, dataDir } = await driver.ensure({
    ...{ id, version: "18", units: 0.25, databaseName: "orders", ownerRole: "orders" },
    ...{ ownerPassword: new Secret("a password of a bench"), roles: [], extensions: [], allowFrom: [], tags: {} },
    ...{ storageBytes: 2 ** 30, suspendAfterSeconds: 0, limits: limitsFor(0.25) },
  });
  const resolved = resolveDatabase({ engine: "postgres", name: id.split(".")[2] ?? "", options: { version: "18" } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  const made = { id, stack: "bench.metrics", placement: "local", spec: resolved.spec, fence: 1, commit: null } as const;
  await reserveInstance(sql, made);
  await recordInstance(sql, { id, fence: 1, phase: "Ready", host, dataDir });
  return id;
}

/** The reconciler's pages, as its web server has them. */
async function serve(into: Scope, sql: Pool, driver: MachineDriver, word: Secret): Promise<string> {
  const parts = { sql, driver, glance: driver.machinery.glance, observe: () => undefined, gateway: null, word };
  const answer = makeMetricsWeb({ ...parts, address: "http://127.0.0.1" });
  const server = createServer((request, response) => {
    answer(request).then(
      (found) =>
        response.writeHead(found?.status ?? 404, { "content-type": found?.type ?? "text/plain" }).end(found?.body),
      (thrown) => response.writeHead(asNebulaError(thrown).status).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  into.add(server, (it) => {
    it.closeAllConnections();
    return new Promise<void>((resolve) => it.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
