import { type Clock, ignoreObservations, type Observe, systemClock } from "../core/index.ts";
import { githubPaused } from "./errors.ts";

/**
 * Stands before one Git host, for every client of it. A host that fails again and again is left alone for a while, so that
 * whoever needs it learns that at once instead of waiting in turn.
 *
 * 1. Five failures in a row pause it: five seconds at first, twice as long each time, a minute at most.
 * 2. After a pause one request at a time goes through; the first answer, whatever it says, ends the pause.
 * 3. An answer below 500 is no failure: a host that refuses is well.
 */
export type Gate = {
  /** @throws NEB689 while the host is paused. */
  enter(): void;
  /** `fetch` that tells the gate how each request ended. */
  around(fetching: typeof fetch): typeof fetch;
  /** How something ended that goes to the same host by another way, as git does. */
  note(ok: boolean, reason?: string): void;
  health(): HostHealth;
};

export type HostHealth = {
  /** `host[:port]` */
  readonly host: string;
  readonly state: "ok" | "failing" | "paused";
  /** What went wrong last; empty when nothing did. */
  readonly reason: string;
  readonly retryAfterSeconds: number;
};

export type GateOptions = { readonly clock?: Clock; readonly observe?: Observe };

const failuresToPause = 5;
const firstPauseMs = 5_000;
const longestPauseMs = 60_000;
/** A probe that never ended does not keep the gate closed. */
const probeMs = 30_000;

/** One gate a host, made when it is first asked for. */
export function makeGates(options: GateOptions = {}): (apiUrl: string) => Gate {
  const gates = new Map<string, Gate>();
  return (apiUrl) => {
    const { host } = new URL(apiUrl);
    const gate = gates.get(host) ?? makeGate(host, options);
    gates.set(host, gate);
    return gate;
  };
}

export function makeGate(host: string, { clock = systemClock, observe = ignoreObservations }: GateOptions = {}): Gate {
  let failures = 0;
  let reason = "";
  let pausedUntilMs: number | undefined;
  let pauseMs = firstPauseMs;
  let probingUntilMs = 0;

  const leftSeconds = (): number =>
    pausedUntilMs === undefined ? 0 : Math.max(1, Math.ceil((pausedUntilMs - clock.monotonicMs()) / 1000));
  const note: Gate["note"] = (ok, why = "") => {
    probingUntilMs = 0;
    if (ok) {
      if (pausedUntilMs !== undefined) observe({ kind: "githost.changed", host, state: "ok", reason: "" });
      [failures, reason, pausedUntilMs, pauseMs] = [0, "", undefined, firstPauseMs];
      return;
    }
    failures += 1;
    reason = why;
    if (failures < failuresToPause) return;
    if (pausedUntilMs === undefined) observe({ kind: "githost.changed", host, state: "paused", reason });
    else if (clock.monotonicMs() < pausedUntilMs)
      return; // sent before the pause
    else pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    pausedUntilMs = clock.monotonicMs() + pauseMs;
  };
  return {
    note,
    enter() {
      if (pausedUntilMs === undefined) return;
      const now = clock.monotonicMs();
      if (now < pausedUntilMs || now < probingUntilMs)
        throw githubPaused(`${host} is left alone for ${leftSeconds()} s: ${reason}`, {
          fields: { retryAfterSeconds: leftSeconds() },
        });
      probingUntilMs = now + probeMs;
    },
    around: (fetching) => async (input, init) => {
      try {
        const response = await fetching(input, init);
        note(response.status < 500, `it answers ${response.status}`);
        return response;
      } catch (thrown) {
        if (init?.signal?.aborted !== true) note(false, reasonOf(thrown));
        throw thrown;
      }
    },
    health: () => ({
      ...{ host, reason, retryAfterSeconds: leftSeconds() },
      state: pausedUntilMs !== undefined ? "paused" : failures > 0 ? "failing" : "ok",
    }),
  };
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error && thrown.name === "TypeError" ? thrown.cause.message : thrown.message;
}
