/**
 * One connection to a database, logged in as its `nebula_changes`, which hears of changes and on which the store's scripts run.
 *
 * 1. Each use goes through the keeper, which wakes the database and lets nobody suspend it meanwhile. Between two uses it is idle, and
 *    counts for nothing: whoever listens keeps no database awake.
 */
import pLimit from "p-limit";
import { changesLogin } from "../../platform/compute/index.ts";
import { outsideSpans, type Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { connectionUrl, openSession, type Session, socketAddress } from "../../platform/sql/index.ts";
import { enterAndOpen, type Keeper, unreachedOr } from "../keeper/index.ts";
import { changesLoginMissing } from "./errors.ts";
import type { Runs } from "./store.ts";

export type Connection = {
  /** Wakes the database. */
  use<T>(body: (run: Runs) => Promise<T>): Promise<T>;
  isOpen(): boolean;
  close(): Promise<void>;
};

export type ConnectionOptions = {
  readonly id: DatabaseId;
  readonly databaseName: string;
  readonly keeper: Pick<Keeper, "enter">;
  readonly keyOf: () => Promise<Secret | undefined>;
  readonly onChange: () => void;
};

type Open = { readonly socketPath: string; readonly session: Promise<Session> };

/** What is full is read-only for its clients; what is told of its rows is let go of all the same. */
const options = "-c default_transaction_read_only=off -c statement_timeout=60000";

export function makeConnection({ id, databaseName, keeper, keyOf, onChange }: ConnectionOptions): Connection {
  const lane = pLimit(1);
  let open: Open | undefined;

  const connect = async (socketPath: string, onLost: () => void): Promise<Session> => {
    const password = await keyOf();
    if (password === undefined) throw changesLoginMissing(`${id} has no ${changesLogin}.key`);
    return openSession({
      url: connectionUrl({
        ...socketAddress(socketPath),
        user: changesLogin,
        password,
        database: databaseName,
        options,
      }),
      ...{ applicationName: "nebuladb changes", listen: ["nebula_changes"], onNotify: onChange },
      onLost,
    });
  };
  const sessionAt = async (socketPath: string): Promise<Session> => {
    const before = open;
    const found = before?.socketPath === socketPath ? await before.session : undefined;
    if (found?.isClean()) return found;
    if (open !== before) return sessionAt(socketPath); // somebody else was quicker
    if (before !== undefined) void before.session.then((session) => session.close()).catch(() => undefined);
    // only itself: what is heard late of the one before does not make this one forgotten, which would hang on unseen
    const forget = () => {
      if (open === made) open = undefined;
    };
    // it tells of changes long after who asked first
    const made: Open = { socketPath, session: outsideSpans(() => connect(socketPath, forget)) };
    open = made;
    made.session.catch(forget);
    return made.session;
  };

  return {
    async use(body) {
      const { opened: session, leave } = await enterAndOpen(
        () => keeper.enter(id, "changes"),
        ({ socketPath }) => sessionAt(socketPath),
      );
      let problem: unknown;
      try {
        return await body((steps) => lane(() => session.run(steps)));
      } catch (thrown) {
        problem = thrown;
        throw unreachedOr(thrown);
      } finally {
        leave(problem);
      }
    },
    isOpen: () => open !== undefined,
    async close() {
      const session = await open?.session.catch(() => undefined);
      open = undefined;
      await session?.close();
    },
  };
}
