/**
 * Connections of the data API to one database, logged in as its `nebula_api`.
 *
 * 1. Each use goes through the keeper: it wakes the database, and while it lasts it stands there as somebody who is still to sign in, so
 *    that nobody suspends it. Between two uses the connections are idle sessions like a client's, which keep nothing awake, and half a
 *    minute later they are closed.
 * 2. What a request leaves in a session is gone before the next one: the engine begins with that (gateway/rest/transaction). A session
 *    that was lost, or is in a transaction still, is closed.
 */
import { apiLogin } from "../../platform/compute/index.ts";
import type { Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import {
  connectionUrl,
  makeSessionPool,
  openSession,
  type Session,
  type SessionPool,
  socketAddress,
} from "../../platform/sql/index.ts";
import { type Entered, enterAndOpen, type Keeper, unreachedOr } from "../keeper/index.ts";
import { apiLoginMissing } from "./errors.ts";

export type Sessions = {
  lend<T>(body: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

export type SessionsOptions = {
  readonly id: DatabaseId;
  readonly databaseName: string;
  readonly keeper: Pick<Keeper, "enter">;
  readonly keyOf: () => Promise<Secret | undefined>;
  readonly max: number;
  /** The schema may have changed: the server said so, or nobody listened for a while. */
  readonly onSchema: () => void;
  /** What a wake was made of. */
  readonly onEntered?: (entered: Entered, waitedMs: number) => void;
};

const channel = "pgrst";
const closingMs = 1_000;

export function makeSessions(options: SessionsOptions): Sessions {
  const { id, databaseName, keeper, keyOf, max, onSchema } = options;
  let pool: { readonly socketPath: string; readonly sessions: SessionPool } | undefined;

  const open = async (socketPath: string, onLost: () => void): Promise<Session> => {
    const password = await keyOf();
    if (password === undefined) throw apiLoginMissing(`${id} has no ${apiLogin}.key`);
    return openSession({
      url: connectionUrl({ ...socketAddress(socketPath), user: apiLogin, password, database: databaseName }),
      ...{ applicationName: "nebuladb data api", listen: [channel], onNotify: onSchema, onLost },
    });
  };

  /** What a server that stopped had of our sessions is lost, and the pool knows; one that is started anew may have another socket. */
  const poolAt = ({ socketPath }: Entered): SessionPool => {
    if (pool !== undefined && pool.socketPath !== socketPath) {
      void endSoon(pool.sessions);
      pool = undefined;
    }
    pool ??= {
      socketPath,
      sessions: makeSessionPool({ open: (onLost) => open(socketPath, onLost), max, onFirst: onSchema }),
    };
    return pool.sessions;
  };

  const enter = async (): Promise<Entered> => {
    const beganMs = performance.now();
    const entered = await keeper.enter(id, "api");
    options.onEntered?.(entered, performance.now() - beganMs);
    return entered;
  };

  return {
    async lend(body) {
      const { opened, leave } = await enterAndOpen(enter, (entered) => poolAt(entered).borrow());
      let problem: unknown;
      try {
        return await body(opened.session);
      } catch (thrown) {
        problem = thrown;
        throw unreachedOr(thrown);
      } finally {
        opened.giveBack();
        leave(problem);
      }
    },
    async close() {
      if (pool !== undefined) await endSoon(pool.sessions);
      pool = undefined;
    },
  };
}

/** A server whose processes stand still hears nobody say goodbye. */
async function endSoon(sessions: SessionPool): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closingMs);
  });
  await Promise.race([sessions.close().catch(() => undefined), late]);
  clearTimeout(timer);
}
