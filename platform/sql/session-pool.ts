/**
 * Sessions that are lent, one borrower at a time.
 *
 * 1. Only a clean session is lent again: one that was lost or is inside a transaction is closed instead.
 * 2. Nobody waits for ever: after `waitMs` without a free session the borrower is told (NEB916).
 * 3. `onFirst` is called when a session opens while there was none: whatever was announced before then was not heard.
 */
import { defineError } from "../core/index.ts";
import { ledgerUnavailable } from "./errors.ts";
import type { Session } from "./session.ts";

export const noFreeSession = defineError({
  code: "NEB916",
  status: 504,
  title: "No free connection",
  retry: true,
  hint: "Too many requests wait for connections of this database; try again in a moment, or ask for less at once.",
});

/** One session, until it is given back. */
export type Loan = { readonly session: Session; giveBack(): void };

export type SessionPool = {
  /** For whoever has to know whether it was opening that failed, or his own work. */
  borrow(): Promise<Loan>;
  lend<T>(body: (session: Session) => Promise<T>): Promise<T>;
  /** How many are open. */
  size(): number;
  close(): Promise<void>;
};

export type SessionPoolOptions = {
  readonly open: (onLost: () => void) => Promise<Session>;
  readonly max: number;
  readonly waitMs?: number;
  /** A session that nobody borrowed for so long is closed. */
  readonly idleMs?: number;
  readonly onFirst?: () => void;
};

type Waiter = { take(session: Session | undefined): void };

export function makeSessionPool(options: SessionPoolOptions): SessionPool {
  const { open, max, waitMs = 10_000, idleMs = 30_000, onFirst } = options;
  const idle: { readonly session: Session; readonly since: number }[] = [];
  const waiting: Waiter[] = [];
  const sessions = new Set<Session>();
  let opening = 0;
  let sweep: NodeJS.Timeout | undefined;
  let isClosed = false;

  const forget = (session: Session) => {
    if (!sessions.delete(session)) return;
    const at = idle.findIndex((one) => one.session === session);
    if (at >= 0) idle.splice(at, 1);
    void session.close();
    waiting.shift()?.take(undefined);
  };

  const openOne = async (): Promise<Session> => {
    opening++;
    let made: Session | undefined;
    try {
      const isFirst = sessions.size === 0;
      made = await open(() => made !== undefined && forget(made));
      sessions.add(made);
      if (isFirst) onFirst?.();
      return made;
    } catch (thrown) {
      waiting.shift()?.take(undefined); // let another one try
      throw thrown;
    } finally {
      opening--;
    }
  };

  const acquire = async (): Promise<Session> => {
    const deadline = performance.now() + waitMs;
    for (;;) {
      if (isClosed) throw ledgerUnavailable("the pool of sessions is closed");
      const free = idle.pop()?.session;
      if (free?.isClean()) return free;
      if (free !== undefined) forget(free);
      else if (sessions.size + opening < max) return openOne();
      else {
        const given = await wait(Math.max(0, deadline - performance.now()));
        if (given !== undefined) return given;
      }
    }
  };

  const wait = (ms: number): Promise<Session | undefined> =>
    new Promise((resolve, reject) => {
      const waiter: Waiter = {
        take(session) {
          clearTimeout(timer);
          resolve(session);
        },
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(noFreeSession(`no connection became free within ${waitMs} ms`));
      }, ms);
      waiting.push(waiter);
    });

  const giveBack = (session: Session) => {
    if (isClosed || !session.isClean()) return forget(session);
    const next = waiting.shift();
    if (next !== undefined) return next.take(session);
    idle.push({ session, since: performance.now() });
    sweep ??= setInterval(closeIdle, Math.max(50, idleMs / 2)).unref();
  };

  const closeIdle = () => {
    const oldest = performance.now() - idleMs;
    for (const { session, since } of [...idle]) if (since < oldest) forget(session);
    if (idle.length > 0 || sweep === undefined) return;
    clearInterval(sweep);
    sweep = undefined;
  };

  const borrow = async (): Promise<Loan> => {
    const session = await acquire();
    return { session, giveBack: () => giveBack(session) };
  };

  return {
    borrow,
    async lend(body) {
      const { session, giveBack } = await borrow();
      try {
        return await body(session);
      } finally {
        giveBack();
      }
    },
    size: () => sessions.size,
    async close() {
      isClosed = true;
      clearInterval(sweep);
      for (const waiter of waiting.splice(0)) waiter.take(undefined);
      await Promise.all([...sessions].map((session) => session.close()));
      sessions.clear();
    },
  };
}
