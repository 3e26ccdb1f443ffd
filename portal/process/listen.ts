import type { Server } from "node:http";
import { portTaken } from "../api/index.ts";

export const listen = (server: Server, port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const refused = (problem: Error) => reject(taken(port, problem));
    server.once("error", refused).listen(port, "127.0.0.1", () => {
      server.off("error", refused);
      resolve(server);
    });
  });

/** That somebody else has the port, when it is that. */
export function taken(port: number, cause: unknown): unknown {
  const inUse = (cause as { code?: unknown } | null)?.code === "EADDRINUSE";
  return inUse ? portTaken(`port ${port} on 127.0.0.1 is in use`, { cause }) : cause;
}
