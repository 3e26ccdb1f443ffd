/**
 * How a process is: the one shape in which every process of an installation says it, at /livez and /readyz (docs/health.md).
 *
 * 1. A process lives when it answers; nothing else is asked for that, so that a ledger that is away has nobody restarted.
 * 2. It is ready when all that it cannot do without is there. What it can do without makes it degraded: it still serves.
 * 3. Asking costs nothing more often than `keepMs`, and what is asked has its time: whoever watches cannot load what is watched. What hangs
 *    is not asked a second time beside the first, so that it holds no connection a second, until `hungMs` have passed.
 * 4. A report is for everybody: it has codes of docs/errors.md and their titles, never a message, an address or a name of a tenant's.
 */
import { type Clock, systemClock, toTimestamp } from "./clock.ts";
import { asNebulaError, defineError, internalError, NebulaError } from "./errors.ts";

export const dependencyLate = defineError({
  code: "NEB942",
  status: 503,
  title: "Something that it needs does not answer in time",
  retry: true,
  hint: "Look at the named part first: its own log says why it is slow.",
});
export const roomLow = defineError({
  code: "NEB943",
  status: 503,
  title: "The disk is nearly full",
  retry: false,
  hint: "Make room in the data folder's file system, or give it a larger one; docs/health.md says what grows.",
});
export const replicaBehind = defineError({
  code: "NEB944",
  status: 503,
  title: "A replica is behind",
  retry: true,
  hint: "See `nebula replicas`: a process stopped beating, or a standby does not keep up with its primary.",
});
export const programMissing = defineError({
  code: "NEB945",
  status: 503,
  title: "A program that it needs is missing",
  retry: false,
  hint: "Run `nebula doctor`; `nebula up` fetches what is missing.",
});
export const processMissing = defineError({
  code: "NEB946",
  status: 503,
  title: "No process of this kind runs",
  retry: true,
  hint: "See `nebula status`, and the log of the process in the data folder.",
});
export const processStopping = defineError({
  code: "NEB947",
  status: 503,
  title: "The process is stopping, or has not begun to serve",
  retry: true,
  hint: "Ask another one, or this one again in a moment.",
});

export type HealthState = "ok" | "degraded" | "down";

export type Check = {
  /** The part that is looked at: one word. */
  readonly name: string;
  /** Without it the process cannot do its work. */
  readonly needed: boolean;
  /** @throws a coded fault when it is not well. */
  ask(signal: AbortSignal): Promise<void> | void;
};

export type CheckReport = {
  readonly name: string;
  readonly needed: boolean;
  readonly state: HealthState;
  readonly code: string | null;
  readonly reason: string | null;
  /** Since when it is as it is, as far as this process knows. */
  readonly since: string;
};

export type HealthReport = {
  readonly process: string;
  readonly version: string;
  readonly status: HealthState;
  readonly ready: boolean;
  readonly checks: readonly CheckReport[];
};

export type Health = {
  /** What /livez says. */
  live(): Pick<HealthReport, "process" | "version"> & { readonly status: "ok" };
  /** What /readyz says. */
  report(): Promise<HealthReport>;
};

export function makeHealth(options: {
  readonly process: string;
  readonly version: string;
  readonly checks: readonly Check[];
  readonly clock?: Clock;
  /** For how long an answer stands. Default: a second. */
  readonly keepMs?: number;
  /** Whether it has begun to serve, and nobody asked it to stop; looked at for each answer. Default: it has. */
  readonly serving?: () => boolean;
  /** For each check. Default: two seconds. */
  readonly timeoutMs?: number;
}): Health {
  const { process, version, checks, clock = systemClock, keepMs = 1_000, timeoutMs = 2_000 } = options;
  const { serving = () => true } = options;
  const before = new Map<string, CheckReport>();
  const askOf = new Map(checks.map((check) => [check.name, askOnce(check, clock)]));
  let asked: { readonly atMs: number; readonly found: Promise<readonly CheckReport[]> } | undefined;

  const look = async ({ name, needed, ask }: Check): Promise<CheckReport> => {
    const fault = await faultOf(askOf.get(name) ?? ask, timeoutMs);
    const state: HealthState = fault === undefined ? "ok" : needed ? "down" : "degraded";
    const [code, reason] = fault === undefined ? [null, null] : [fault.code, fault.title];
    const last = before.get(name);
    const isSame = last?.state === state && last.code === code;
    const report = { name, needed, state, code, reason, since: isSame ? last.since : toTimestamp(clock.now()) };
    before.set(name, report);
    return report;
  };

  const servingCheck: Check = {
    ...{ name: "serving", needed: true },
    ask() {
      if (!serving()) throw processStopping("it does not serve at this moment");
    },
  };

  return {
    live: () => ({ process, version, status: "ok" }),
    async report() {
      const nowMs = clock.monotonicMs();
      if (asked === undefined || nowMs - asked.atMs >= keepMs)
        asked = { atMs: nowMs, found: Promise.all(checks.map(look)) };
      const found = [await look(servingCheck), ...(await asked.found)];
      const status = worst(found.map(({ state }) => state));
      return { process, version, status, ready: status !== "down", checks: found };
    },
  };
}

export const worst = (states: readonly HealthState[]): HealthState =>
  states.includes("down") ? "down" : states.includes("degraded") ? "degraded" : "ok";

/** Who watches by HTTP, without a framework: undefined when it asks for something else. */
export async function answerHealth(
  health: Health,
  path: string | undefined,
): Promise<{ readonly status: number; readonly body: string } | undefined> {
  if (path === "/livez") return { status: 200, body: JSON.stringify(health.live()) };
  if (path !== "/readyz") return undefined;
  const report = await health.report();
  return { status: report.ready ? 200 : 503, body: JSON.stringify(report) };
}

/** Whatever was asked and has not answered may answer yet. After so long the way to it is taken for lost, as a dead connection is. */
const hungMs = 30_000;

/** Whoever comes while it is asked waits for that answer. */
function askOnce({ ask }: Check, clock: Clock): Check["ask"] {
  let asking: { readonly atMs: number; readonly answer: Promise<void> } | undefined;
  return (signal) => {
    const nowMs = clock.monotonicMs();
    if (asking !== undefined && nowMs - asking.atMs < hungMs) return asking.answer;
    const answer = (async () => ask(signal))();
    const mine = { atMs: nowMs, answer };
    const over = () => {
      if (asking === mine) asking = undefined;
    };
    answer.then(over, over);
    asking = mine;
    return answer;
  };
}

async function faultOf(ask: Check["ask"], timeoutMs: number): Promise<NebulaError | undefined> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      over.abort();
      reject(dependencyLate(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    await Promise.race([(async () => ask(over.signal))(), late]);
    return undefined;
  } catch (thrown) {
    return thrown instanceof NebulaError ? thrown : coded(thrown);
  } finally {
    clearTimeout(timer);
  }
}

/** What has no code of ours says nothing to strangers but that it is broken. */
const coded = (thrown: unknown): NebulaError => {
  const error = asNebulaError(thrown);
  return error.code === internalError.definition.code ? dependencyLate(error.message, { cause: thrown }) : error;
};
