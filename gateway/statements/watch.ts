/**
 * What runs at this moment, and its end when somebody does not want it any more.
 *
 * 1. Who asked hears within two seconds of a cancel, whatever the server does: first it is asked, then asked again, then its backend is
 *    ended from outside and the connection dropped.
 * 2. A request has its time from us: what a statement sets in its own session does not lengthen it.
 */
import type { StatementSession } from "../../platform/sql/index.ts";
import { sqlBadRequest, sqlTooMany } from "./errors.ts";
import type { SqlCaller } from "./types.ts";

export type Stop = "cancelled" | "timed-out";

type Ground = { readonly session: StatementSession; kill(): Promise<void> };

export type Running = {
  /** Why it was stopped, if it was. */
  stopped(): Stop | undefined;
  stop(why: Stop): void;
  /** From now on there is something to stop. */
  holds(ground: Ground): void;
  leave(): void;
};

export type Watch = {
  /** @throws NEB784 when as many run as may; NEB783 when one of that name runs. */
  enter(caller: SqlCaller, request: string, timeoutMs: number): Running;
  /** Whether there was one. */
  cancel(caller: Pick<SqlCaller, "database" | "user">, request: string): boolean;
  stopAll(): void;
};

export type WatchLimits = { readonly ofUser: number; readonly ofDatabase: number };

const askAgainMs = 700;
const killMs = 1_400;

export function makeWatch({ ofUser, ofDatabase }: WatchLimits): Watch {
  const all = new Map<string, { readonly running: Running; readonly caller: SqlCaller }>();
  const nameOf = ({ database, user }: Pick<SqlCaller, "database" | "user">, request: string) =>
    JSON.stringify([database, user, request]);
  const count = (fits: (caller: SqlCaller) => boolean) => [...all.values()].filter(({ caller }) => fits(caller)).length;
  return {
    enter(caller, request, timeoutMs) {
      const name = nameOf(caller, request);
      if (all.has(name)) throw sqlBadRequest(`a request named ${request} is running`);
      if (count(({ user }) => user === caller.user) >= ofUser)
        throw sqlTooMany(`${ofUser} requests of yours are running, and no more may`);
      if (count(({ database }) => database === caller.database) >= ofDatabase)
        throw sqlTooMany(`${ofDatabase} requests are running in ${caller.database}, and no more may`);
      const running = makeRunning(timeoutMs, () => all.delete(name));
      all.set(name, { running, caller });
      return running;
    },
    cancel(caller, request) {
      const found = all.get(nameOf(caller, request));
      found?.running.stop("cancelled");
      return found !== undefined;
    },
    stopAll() {
      for (const { running } of all.values()) running.stop("cancelled");
    },
  };
}

function makeRunning(timeoutMs: number, forget: () => void): Running {
  let why: Stop | undefined;
  let ground: Ground | undefined;
  let isOver = false;
  const timers: NodeJS.Timeout[] = [];
  const later = (ms: number, body: () => void) => void timers.push(setTimeout(() => !isOver && body(), ms));
  const end = () => {
    if (ground === undefined || isOver) return;
    const { session, kill } = ground;
    void session.cancel();
    later(askAgainMs, () => void session.cancel());
    later(killMs, () => {
      void kill();
      session.drop();
    });
  };
  const stop = (reason: Stop) => {
    if (why !== undefined || isOver) return;
    why = reason;
    end();
  };
  // The server's own limit comes first, where nobody has lifted it.
  later(timeoutMs + 300, () => stop("timed-out"));
  return {
    stopped: () => why,
    stop,
    holds(held) {
      ground = held;
      if (why !== undefined) end();
    },
    leave() {
      isOver = true;
      for (const timer of timers) clearTimeout(timer);
      forget();
    },
  };
}
