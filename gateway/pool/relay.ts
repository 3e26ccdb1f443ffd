/**
 * A connection of PgBouncer's that arrived at a closed door: the instance is woken for it, and it is relayed as long as it lasts.
 *
 * 1. PgBouncer connects only for a client that has proved a password: a wake here is always somebody's who may.
 * 2. Its bytes are not interpreted, but for the last message of the server: whether it is idle.
 * 3. A connection that lost the race against a suspend is thrown away before PgBouncer has said anything on it, and tried again.
 */
import { connect, type Socket } from "node:net";
import { asNebulaError, type Clock, type NebulaError } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { databaseUnreached, outward } from "../keeper/index.ts";
import { errorResponse } from "./frames.ts";
import { type Kept, keep, type PoolKeeper } from "./types.ts";

export type RelayDeps = {
  readonly keeper: PoolKeeper;
  /** A branch whose time is over, which nobody wakes. */
  readonly expiryOf: (id: DatabaseId) => Promise<NebulaError | undefined>;
  readonly clock: Clock;
  /** The server is reached, and nobody suspends: from here on PgBouncer may come straight. */
  readonly onStanding: (id: DatabaseId, entered: Kept) => void;
  /** We go down: a connection ends when it is idle. */
  readonly stopping: AbortSignal;
};

/** Settles when the connection has ended. */
export async function relay(id: DatabaseId, socket: Socket, deps: RelayDeps): Promise<void> {
  socket.on("error", () => undefined);
  try {
    const expired = await deps.expiryOf(id);
    if (expired !== undefined) throw expired;
    const { entered, upstream } = await reach(id, deps.keeper);
    try {
      if (socket.destroyed) return void upstream.destroy();
      deps.onStanding(id, entered);
      await join(socket, upstream, entered, deps.stopping);
    } finally {
      entered.leave();
    }
  } catch (thrown) {
    await refuse(socket, thrown, deps.clock);
  }
}

async function reach(id: DatabaseId, keeper: PoolKeeper): Promise<{ entered: Kept; upstream: Socket }> {
  for (;;) {
    const entered = keep(await keeper.enter(id, "pooled"));
    try {
      const upstream = await open(entered.socketPath);
      if (entered.confirm()) return { entered, upstream };
      upstream.destroy();
    } catch (thrown) {
      entered.leave();
      throw thrown;
    }
    entered.leave();
  }
}

const open = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    const failed = (cause: Error) => reject(databaseUnreached(cause.message, { cause }));
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed).on("error", () => undefined);
      resolve(socket);
    });
  });

/** ReadyForQuery outside of a transaction, at the end of what the server sent. */
const idle = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

function join(client: Socket, server: Socket, entered: Kept, stopping: AbortSignal): Promise<void> {
  let isIdle = false;
  const endIfIdle = () => {
    if (isIdle && stopping.aborted) client.destroy();
  };
  client.on("data", () => {
    isIdle = false;
    entered.touch();
  });
  server.on("data", (bytes: Buffer) => {
    isIdle = bytes.length >= idle.length && bytes.subarray(-idle.length).equals(idle);
    endIfIdle();
  });
  stopping.addEventListener("abort", endIfIdle);
  client.pipe(server);
  server.pipe(client);
  return new Promise((resolve) => {
    let open = 2;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one.on("close", () => {
        other.destroy();
        open -= 1;
        if (open > 0) return;
        stopping.removeEventListener("abort", endIfIdle);
        resolve();
      });
    if (client.destroyed) server.destroy();
  });
}

/**
 * Says why. PgBouncer passes the state and the sentence on to the clients that wait, and nothing else, so the hint is part of the
 * sentence. Except for 57P03, with which it lets them wait and tries again: so only what may soon be different is 57P03, and it is not
 * said in a hurry.
 */
async function refuse(socket: Socket, thrown: unknown, clock: Clock): Promise<void> {
  const { status, message, hint } = outward(asNebulaError(thrown));
  const state = stateOf(status);
  socket.resume(); // what was said is taken off the line: the system would drop our answer with it
  if (state === "57P03") await clock.sleep(1_000);
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.end(errorResponse(state, `${message}. ${hint}`, hint));
    setTimeout(() => socket.destroy(), 2_000).unref();
  });
}

function stateOf(status: number): "3D000" | "55000" | "57P03" {
  if (status === 404 || status === 410) return "3D000";
  return status === 409 || status === 422 ? "55000" : "57P03";
}
