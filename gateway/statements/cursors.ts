/**
 * Results that somebody pages through: an open read-only transaction on a connection of its own, known by a name that nobody can guess.
 *
 * 1. Only who opened one reads on, in the same database and at the same level; for everybody else it is not there.
 * 2. It ends after its last page, when nobody read for a while, at its age, and with the process: an open transaction costs its database.
 * 3. One page at a time.
 */
import { randomBytes } from "node:crypto";
import type { Connected } from "./connect.ts";
import { cursorGone, sqlBadRequest, sqlTooMany } from "./errors.ts";
import type { SqlCaller, SqlRequest } from "./types.ts";

export type Cursor = {
  readonly name: string;
  readonly caller: SqlCaller;
  readonly connected: Connected;
  readonly request: SqlRequest;
};

export type Cursors = {
  /** Before the statement runs: whether there will be room. @throws NEB784 */
  reserve(caller: SqlCaller): void;
  open(cursor: Omit<Cursor, "name">): string;
  /** Lends it for one page; `false` ends it. @throws NEB785 */
  read<T>(
    caller: SqlCaller,
    name: string,
    body: (cursor: Cursor) => Promise<{ answer: T; goesOn: boolean }>,
  ): Promise<T>;
  /** Whether there was one. */
  end(caller: SqlCaller, name: string): Promise<boolean>;
  close(): Promise<void>;
};

export type CursorLimits = {
  readonly ofUser: number;
  readonly ofDatabase: number;
  readonly idleMs: number;
  readonly ageMs: number;
};

type Kept = {
  readonly cursor: Cursor;
  readonly timers: { idle: NodeJS.Timeout; readonly age: NodeJS.Timeout };
  isBusy: boolean;
};

export function makeCursors({ ofUser, ofDatabase, idleMs, ageMs }: CursorLimits): Cursors {
  const all = new Map<string, Kept>();
  const count = (fits: (caller: SqlCaller) => boolean) =>
    [...all.values()].filter(({ cursor }) => fits(cursor.caller)).length;

  const end = async (name: string): Promise<void> => {
    const found = all.get(name);
    if (found === undefined) return;
    all.delete(name);
    clearTimeout(found.timers.idle);
    clearTimeout(found.timers.age);
    if (found.isBusy) found.cursor.connected.session.drop();
    await found.cursor.connected.close();
  };
  const wait = (name: string, ms: number) => setTimeout(() => void end(name), ms);
  const find = (caller: SqlCaller, name: string): Kept => {
    const found = all.get(name);
    const own = found?.cursor.caller;
    if (
      own?.user !== caller.user ||
      own.database !== caller.database ||
      own.level !== caller.level ||
      found === undefined
    )
      throw cursorGone("there is no cursor of that name, or it has ended");
    return found;
  };

  return {
    reserve(caller) {
      if (count(({ user }) => user === caller.user) >= ofUser) throw sqlTooMany(`${ofUser} cursors of yours are open`);
      if (count(({ database }) => database === caller.database) >= ofDatabase)
        throw sqlTooMany(`${ofDatabase} cursors are open in ${caller.database}`);
    },
    open(cursor) {
      // its first letter tells the portal which right the next page needs
      const name = `${cursor.caller.level.charAt(0)}${randomBytes(24).toString("base64url")}`;
      const timers = { idle: wait(name, idleMs), age: wait(name, ageMs) };
      all.set(name, { cursor: { ...cursor, name }, timers, isBusy: false });
      return name;
    },
    async read(caller, name, body) {
      const kept = find(caller, name);
      if (kept.isBusy) throw sqlBadRequest("a page of this cursor is being read");
      kept.isBusy = true;
      clearTimeout(kept.timers.idle);
      let goesOn = false;
      try {
        const read = await body(kept.cursor);
        goesOn = read.goesOn;
        return read.answer;
      } finally {
        kept.isBusy = false;
        kept.timers.idle = wait(name, idleMs);
        if (!goesOn) await end(name);
      }
    },
    async end(caller, name) {
      find(caller, name);
      await end(name);
      return true;
    },
    async close() {
      await Promise.all([...all.keys()].map(end));
    },
  };
}
