/**
 * How the parts of the platform are, as its users know them: for the status page. Looked at by each portal, from outside of each part.
 *
 * 1. It answers always: what was seen last stays when the ledger is away, and says that it is from then.
 * 2. Nobody who watches makes anybody look more often than every `freshMs`, or waits for a part that does not answer.
 * 3. What changed is written by one portal at a time; what could not be written is written when the ledger is back.
 */
import { type Clock, type Health, type HealthReport, type HealthState, worst } from "../../../platform/core/index.ts";
import type { Pool } from "../../../platform/sql/index.ts";
import {
  type ComponentChange,
  type Incident,
  listComponentChanges,
  listIncidents,
  listReplicas,
  pruneComponentChanges,
  type Replica,
  recordComponentChanges,
} from "../../../platform/store/index.ts";

export const componentTitles = {
  api: "API and command line",
  deployments: "Changes and deployments",
  databases: "Connections to databases",
  git: "Git hosts",
  ledger: "Ledger",
} as const;
export type ComponentName = keyof typeof componentTitles;

export type Component = {
  readonly name: ComponentName;
  readonly state: HealthState;
  readonly codes: readonly string[];
  readonly since: Date;
};

export type Seen = {
  readonly at: Date;
  readonly components: readonly Component[];
  readonly incidents: readonly Incident[];
  readonly history: readonly ComponentChange[];
  /** From when incidents and history are, where the ledger does not answer now. */
  readonly rememberedFrom: Date | null;
};

export type Components = {
  look(): Promise<Seen>;
  /** What was seen last, or a first look. */
  seen(): Promise<Seen>;
  /** Somebody declared something: it is shown at once. */
  forget(): void;
  /** Writes what has changed since it was written last. */
  flush(): Promise<void>;
};

/** Asks a process of ours how it is; undefined: it does not answer. */
export type AskHealth = (url: string) => Promise<HealthReport | undefined>;

export type ComponentParts = {
  readonly sql: Pool;
  readonly clock: Clock;
  readonly health: Health;
  /** Where the gateway says how it is; null: it cannot be asked, and is left out. */
  readonly gatewayUrl: string | null;
  readonly ask: AskHealth;
};

/** As far back as the page goes. */
export const historyDays = 90;
const mostUnwritten = 1000;
const freshMs = 5_000;
/** For the ledger's rows, and for a look while there is an older one. */
const patienceMs = 2_000;

export function makeComponents({ sql, clock, health, gatewayUrl, ask }: ComponentParts): Components {
  let known: Seen | undefined;
  let knownMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<Seen> | undefined;
  let declared = 0;
  const unwritten: ComponentChange[] = [];

  const look = async (): Promise<Seen> => {
    const at = new Date(clock.now());
    const asOf = declared;
    const own = await health.report();
    const ledger = stateIn(own, ["ledger"]);
    const read = <T>(query: () => Promise<T>) => (ledger.state === "ok" ? inTime(clock, query()) : undefined);
    const [replicas, databases, told] = await Promise.all([
      read(() => listReplicas(sql)),
      gatewayUrl === null ? undefined : ask(gatewayUrl).then(toFinding),
      read(() => Promise.all([listIncidents(sql, historyDays), listComponentChanges(sql, 200)])),
    ]);
    const found: Record<ComponentName, Finding | undefined> = {
      api: stateIn(own, ["ledger", "disk", "serving"]),
      deployments: replicas === undefined ? unknown : await workersOf(replicas, ask),
      databases,
      git: stateIn(own, ["githosts"]),
      ledger,
    };
    if (asOf !== declared) return look(); // it may have been read before it was said
    const [incidents, history] = told ?? [known?.incidents ?? [], known?.history ?? []];
    const rememberedFrom = told !== undefined ? null : (known?.rememberedFrom ?? known?.at ?? at);
    const components = names.flatMap((name): Component[] => {
      const finding = found[name];
      if (finding === undefined) return [];
      const before = known?.components.find((one) => one.name === name) ?? lastOf(history, name);
      const { state, codes } = finding;
      const isSame = before?.state === state && before.codes.join() === codes.join();
      if (!isSame) unwritten.push({ component: name, state, reasons: codes, at });
      return [{ name, state, codes, since: isSame ? before.since : at }];
    });
    unwritten.splice(0, unwritten.length - mostUnwritten);
    known = { at, components, incidents, history, rememberedFrom };
    knownMs = clock.monotonicMs();
    return known;
  };
  const lookOnce = (): Promise<Seen> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  return {
    look: lookOnce,
    async seen() {
      if (known === undefined || knownMs === Number.NEGATIVE_INFINITY) return lookOnce();
      const isFresh = clock.monotonicMs() - knownMs < freshMs;
      return isFresh ? known : ((await inTime(clock, lookOnce())) ?? known);
    },
    forget() {
      declared += 1;
      knownMs = Number.NEGATIVE_INFINITY;
    },
    async flush() {
      const changes = new Set(unwritten);
      if (changes.size > 0) await recordComponentChanges(sql, [...changes]);
      unwritten.splice(0, unwritten.length, ...unwritten.filter((one) => !changes.has(one)));
      await pruneComponentChanges(sql, historyDays);
    },
  };
}

/** Undefined: it failed, or takes longer. */
async function inTime<T>(clock: Clock, work: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([
      work.catch(() => undefined),
      clock.sleep(patienceMs, over.signal).then(() => undefined),
    ]);
  } finally {
    over.abort();
  }
}

const names = Object.keys(componentTitles) as ComponentName[];

/** As it was written down last. */
function lastOf(history: readonly ComponentChange[], name: ComponentName): Omit<Component, "name"> | undefined {
  const last = history.find(({ component }) => component === name);
  return last && { state: last.state, codes: last.reasons, since: last.at };
}

type Finding = { readonly state: HealthState; readonly codes: readonly string[] };
/** While the ledger is away nothing new is deployed, whoever lives. */
const unknown: Finding = { state: "down", codes: ["NEB910"] };
const nobody: Finding = { state: "down", codes: ["NEB946"] };

function stateIn({ checks }: HealthReport, names: readonly string[]): Finding {
  const named = checks.filter(({ name }) => names.includes(name));
  return { state: worst(named.map(({ state }) => state)), codes: codesOf(named) };
}

const toFinding = (report: HealthReport | undefined): Finding =>
  report === undefined ? nobody : { state: report.status, codes: codesOf(report.checks) };

const codesOf = (checks: readonly { readonly code: string | null }[]): readonly string[] =>
  [...new Set(checks.flatMap(({ code }) => code ?? []))].sort();

/** One that works is enough; one that does not is worth a word. */
async function workersOf(replicas: readonly Replica[], ask: AskHealth): Promise<Finding> {
  const workers = replicas.filter(({ kind }) => kind === "reconciler");
  const found = await Promise.all(
    workers.map(async ({ alive, address }) =>
      alive && address !== null ? toFinding(await ask(`${address}/readyz`)) : nobody,
    ),
  );
  if (found.length === 0 || found.every(({ state }) => state === "down"))
    return { state: "down", codes: [...new Set(found.length === 0 ? nobody.codes : found.flatMap((it) => it.codes))] };
  return {
    state: found.every(({ state }) => state === "ok") ? "ok" : "degraded",
    codes: [...new Set(found.flatMap(({ codes }) => codes))].sort(),
  };
}
