import { createServer } from "node:http";
import { answerHealth, type Health, type Metrics } from "../../platform/core/index.ts";
import { gatewayPortTaken } from "./errors.ts";

export type Watch = { listen(port: number): Promise<number>; close(): Promise<void> };

/** HTTP for those who look after the gateway: this machine only, nothing secret, nothing to change. */
export function makeWatch({ metrics, health }: { readonly metrics: Metrics; readonly health: Health }): Watch {
  const server = createServer(async (request, response) => {
    const path = request.url?.split("?")[0];
    const say = (status: number, body: string, contentType = "text/plain") =>
      void response.writeHead(status, { "content-type": contentType, "x-content-type-options": "nosniff" }).end(body);
    if (request.method !== "GET" && request.method !== "HEAD") return say(405, "GET only\n");
    const told = await answerHealth(health, path);
    if (told !== undefined) return say(told.status, told.body, "application/json");
    if (path !== "/metrics") return say(404, "/metrics, /livez, /readyz\n");
    const { contentType, body } = await metrics.render();
    return say(200, body, contentType);
  });
  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        const refused = (thrown: NodeJS.ErrnoException) =>
          reject(
            thrown.code === "EADDRINUSE"
              ? gatewayPortTaken(`port ${port} on 127.0.0.1 is in use`, { cause: thrown })
              : thrown,
          );
        server.once("error", refused).listen(port, "127.0.0.1", () => {
          server.off("error", refused);
          const address = server.address();
          resolve(typeof address === "object" && address !== null ? address.port : port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
