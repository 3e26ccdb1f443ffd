/**
 * The direct endpoint: listens, admits by address, serves each connection, and goes down without hurting who is in the middle of
 * something.
 */
import { createServer, type Server, type Socket } from "node:net";
import { plainAddress } from "./address.ts";
import { makeCancelKeys } from "./cancel-keys.ts";
import { gatewayPortTaken } from "./errors.ts";
import { makeBuckets, makeCounts } from "./limits.ts";
import { gatewayFull, type Refusal } from "./refusal.ts";
import { farewell, type Shared, serve } from "./session.ts";
import { adopt } from "./tap.ts";
import type { WireDeps } from "./types.ts";

export type DirectEndpoint = {
  /** @throws NEB700 when the port is taken. Port 0 takes any; the answer is the one it got. */
  listen(port: number, host: string): Promise<number>;
  /** Connections that stand, and all of them. */
  sessions(): { readonly open: number; readonly connections: number };
  /**
   * Takes no more connections; idle sessions end at once, busy ones when they are idle, and at the limit all of them. Each is
   * told 57P01, unless that would fall into the middle of an answer.
   */
  close(limitMs?: number): Promise<void>;
};

const backlog = 4_096;
const keepAliveMs = 60_000;

export function makeDirectEndpoint(deps: WireDeps): DirectEndpoint {
  const { limits, clock } = deps;
  const stopping = new AbortController();
  const shared: Shared = {
    cancelKeys: deps.cancelKeys ?? makeCancelKeys(),
    buckets: makeBuckets(clock),
    ...{ open: makeCounts(), draining: stopping.signal, relays: new Set() },
  };
  const sockets = new Set<Socket>();
  const perAddress = makeCounts();
  const serving = new Set<Promise<void>>();

  const admit = (address: string): Refusal | undefined => {
    if (perAddress.of(address) >= limits.perAddress)
      return gatewayFull(`${address} has ${limits.perAddress} connections, which is the most for one address.`);
    const [burst, rate] = [2 * limits.perAddressPerSecond, limits.perAddressPerSecond];
    if (!shared.buckets.take(`connect:${address}`, burst, rate))
      return gatewayFull(`More than ${rate} connections came from ${address} in a second.`);
    return undefined;
  };

  const onConnection = (accepted: Socket) => {
    const address = plainAddress(accepted.remoteAddress);
    const tap = adopt(accepted);
    const { socket } = tap;
    if (sockets.size >= limits.connections) {
      deps.observe({ kind: "gateway.refused", reason: "limits", code: "53300", address });
      socket.on("error", () => undefined).destroy();
      return;
    }
    const refusal = admit(address);
    sockets.add(socket);
    perAddress.add(address);
    socket.once("close", () => {
      sockets.delete(socket);
      perAddress.drop(address);
    });
    const served = serve(deps, shared, tap, address, refusal).finally(() => serving.delete(served));
    serving.add(served);
  };

  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs, pauseOnConnect: true },
    onConnection,
  );
  return {
    listen: (port, host) => listen(server, port, host),
    sessions: () => ({ open: shared.relays.size, connections: sockets.size }),
    async close(limitMs = 0) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      stopping.abort();
      for (const relay of shared.relays) relay.endWhenIdle(farewell);
      const timer = setTimeout(() => {
        for (const relay of shared.relays) relay.end(farewell);
        setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, 200).unref();
      }, limitMs);
      while (serving.size > 0) await Promise.all(serving);
      for (const socket of sockets) socket.destroySoon();
      clearTimeout(timer);
      await closed;
    },
  };
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const refused = (thrown: NodeJS.ErrnoException) =>
      reject(
        thrown.code === "EADDRINUSE"
          ? gatewayPortTaken(`port ${port} on ${host} is in use`, { cause: thrown })
          : thrown,
      );
    server.once("error", refused);
    server.listen({ port, host, backlog }, () => {
      server.off("error", refused);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
