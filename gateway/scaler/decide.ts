import { unitStep, unitsFor, unitsForMemory } from "../../platform/compute/index.ts";

/** What one look says. Null: was not asked this time. */
export type Sample = {
  readonly atMs: number;
  /** CPUs used since the look before. */
  readonly cpuUnits: number;
  /** Of the periods in which it ran, those in which it used up what it may: 0 to 1. */
  readonly throttledShare: number;
  readonly runnable: number | null;
  readonly memoryBytes: number | null;
  readonly clients: number | null;
  /** Statements that have had a CPU for ten seconds. */
  readonly longRunning: number | null;
};

export type Bounds = { readonly minUnits: number; readonly maxUnits: number };

/** What is known of one database between two looks. */
export type Standing = {
  readonly units: number;
  /** Since when it has used far less than it has; null when it has not. */
  readonly lowSinceMs: number | null;
  /** The most that it used since then. */
  readonly lowPeak: number;
  /** What memory, clients and long statements needed when they were last asked about. */
  readonly floors: Readonly<Record<"memory" | "connections" | "queries", number>>;
};

export type Pace = { readonly downAfterMs: number };
export const usualPace: Pace = { downAfterMs: 60_000 };

export type Decision = {
  readonly next: Standing;
  /** Why it has another size from now on; null when it keeps it. */
  readonly reason: "cpu" | "memory" | "connections" | "queries" | "idle" | "bounds" | null;
};

const clientsPerUnit = 100;
/** Of its units it uses so much, or was held up in so many periods: then it wants more than it shows. */
const fullShare = 0.8;
const throttledEnough = 0.1;
/** A smaller size is one of which it would have used so much at its busiest. */
const comfortableShare = 0.7;
const memoryReserve = 1.1;

export const standingAt = (units: number): Standing => ({
  ...{ units, lowSinceMs: null, lowPeak: 0 },
  floors: { memory: 0, connections: 0, queries: 0 },
});

/** The size from now on. Pure. Query cost counts as what it costs: CPU, memory, and long statements each as one unit. */
export function decide(standing: Standing, sample: Sample, bounds: Bounds, pace: Pace = usualPace): Decision {
  const floors = floorsOf(standing, sample);
  const { units } = standing;
  const within = (wanted: number) => Math.min(bounds.maxUnits, Math.max(bounds.minUnits, wanted));
  const move = (to: number, reason: Decision["reason"]): Decision => ({
    next: { units: to, lowSinceMs: null, lowPeak: 0, floors },
    reason: to === units ? null : reason,
  });
  if (within(units) !== units) return move(within(units), "bounds");

  const wanted = { cpu: cpuNeed(units, sample), ...floors };
  const [reason, most] = largest(wanted);
  if (within(most) > units) return move(within(most), reason);

  const floor = Math.max(floors.memory, floors.connections, floors.queries);
  if (isFull(units, sample) || sample.cpuUnits > lowMark(units)) return move(units, null);
  const lowSinceMs = standing.lowSinceMs ?? sample.atMs;
  const lowPeak = Math.max(standing.lowPeak, sample.cpuUnits);
  if (sample.atMs - lowSinceMs >= pace.downAfterMs) {
    const down = within(Math.max(floor, unitsFor(lowPeak / comfortableShare)));
    if (down < units) return move(down, "idle");
  }
  return { next: { units, lowSinceMs, lowPeak, floors }, reason: null };
}

/** Half of the next smaller size. */
const lowMark = (units: number): number => 0.5 * (units - unitStep);

const isFull = (units: number, { cpuUnits, throttledShare }: Sample): boolean =>
  cpuUnits >= fullShare * units || throttledShare >= throttledEnough;

/** A full one wants as many CPUs as processes wait for one, and half as much again when nobody counted them. */
function cpuNeed(units: number, sample: Sample): number {
  if (!isFull(units, sample)) return 0;
  return Math.max(unitsFor(units * 1.5), unitsFor(sample.runnable ?? 0));
}

function floorsOf({ floors }: Standing, { memoryBytes, clients, longRunning }: Sample): Standing["floors"] {
  return {
    memory: memoryBytes === null ? floors.memory : unitsForMemory(memoryBytes * memoryReserve),
    connections: clients === null ? floors.connections : unitsFor(clients / clientsPerUnit),
    queries: longRunning ?? floors.queries,
  };
}

function largest<Name extends string>(of: Readonly<Record<Name, number>>): readonly [Name, number] {
  const all = Object.entries(of) as [Name, number][];
  return all.reduce((most, one) => (one[1] > most[1] ? one : most));
}
