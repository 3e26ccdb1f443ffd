import type { Clock, Metrics } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  type Business,
  businessFigures,
  listReplicas,
  type QueueAge,
  queueAges,
  replicaKinds,
} from "../../platform/store/index.ts";

/** How the control plane and the business are doing, read from the ledger when somebody scrapes; without it the rest still answers. */
export function registerFleetGauges(metrics: Pick<Metrics, "gauge">, sql: Sql, clock: Clock): void {
  registerQueue(
    metrics,
    forScrape(clock, () => queueAges(sql)),
  );
  registerBusiness(
    metrics,
    forScrape(clock, () => businessFigures(sql), businessMs),
  );
  const beating = forScrape(clock, () => listReplicas(sql));
  metrics.gauge("nebuladb_replicas", "Processes of the platform that beat, by kind.", ["kind"], async (set) => {
    const replicas = await beating();
    if (replicas === undefined) return;
    for (const kind of replicaKinds) set({ kind }, replicas.filter((it) => it.kind === kind && it.alive).length);
  });
}

/** Gauges of one scrape read together. */
const scrapeMs = 1_000;
/** What has to be counted over all databases, and changes by days. */
const businessMs = 60_000;

/** One question to the ledger for all gauges that are over its answer; undefined without the ledger, which is asked again at once. */
function forScrape<T>(clock: Clock, read: () => Promise<T>, freshMs = scrapeMs): () => Promise<T | undefined> {
  let asked: Promise<T | undefined> | undefined;
  let untilMs = 0;
  const ask = async (): Promise<T | undefined> => {
    // who comes meanwhile waits for this answer, however long it takes: a ledger that hangs is asked once
    untilMs = Number.POSITIVE_INFINITY;
    const found = await read().catch(() => undefined);
    untilMs = found === undefined ? Number.NEGATIVE_INFINITY : clock.monotonicMs() + freshMs;
    return found;
  };
  return () => {
    if (asked === undefined || clock.monotonicMs() > untilMs) asked = ask();
    return asked;
  };
}

function registerQueue(metrics: Pick<Metrics, "gauge">, read: () => Promise<readonly QueueAge[] | undefined>): void {
  const ages = async () => (await read()) ?? [];
  metrics.gauge("nebuladb_operations_waiting", "Operations that could begin and have not.", ["type"], async (set) => {
    for (const { type, waiting } of await ages()) set({ type }, waiting);
  });
  metrics.gauge(
    "nebuladb_operations_oldest_seconds",
    "For how long the oldest operation that could begin has not.",
    ["type"],
    async (set) => {
      for (const { type, oldestSeconds } of await ages()) set({ type }, oldestSeconds);
    },
  );
}

function registerBusiness(metrics: Pick<Metrics, "gauge">, figures: () => Promise<Business | undefined>): void {
  metrics.gauge("nebuladb_accounts", "Accounts of people and programs.", [], async (set) => {
    const found = await figures();
    if (found !== undefined) set({}, found.users);
  });
  metrics.gauge(
    "nebuladb_tenants",
    "Tenants with a database, and those of them with one that was awake within thirty days.",
    ["active"],
    async (set) => {
      const found = await figures();
      if (found === undefined) return;
      set({ active: "any" }, found.tenants);
      set({ active: "30d" }, found.activeTenants);
    },
  );
  metrics.gauge("nebuladb_databases", "Databases, by engine and phase.", ["engine", "phase"], async (set) => {
    for (const { engine, phase, count } of (await figures())?.databases ?? []) set({ engine, phase }, count);
  });
}
