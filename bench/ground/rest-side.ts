/** One side of bench/data-api: the engine behind a bare HTTP server. Prints its port. Arguments: the database's URL, connections. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { makeDataApi } from "../../gateway/rest/index.ts";
import { ignoreObservations, Secret, systemClock } from "../../platform/core/index.ts";
import { makeSessionPool, openSession } from "../../platform/sql/index.ts";

const [url = "", connections = "10"] = process.argv.slice(2);
const pool = makeSessionPool({
  max: Number(connections),
  open: (onLost) => openSession({ url: new Secret(url), applicationName: "bench", onLost }),
});
const api = makeDataApi({
  lend: (body) => pool.lend(body),
  settings: {
    ...{ schemas: ["public"], maxRows: 1000, statementMs: 30_000, maxBytes: 10_000_000 },
    ...{ allowTxEnd: false, aggregates: false, exposed: () => true },
  },
  observe: ignoreObservations,
  clock: systemClock,
});
const session = { role: "authenticated", claims: { role: "authenticated", sub: "bench" } };

const server = createServer((request, response) => {
  bodyOf(request)
    .then((body) => {
      const raw = request.url ?? "/";
      const cut = raw.indexOf("?");
      return api.handle(
        {
          method: request.method ?? "GET",
          path: cut < 0 ? raw : raw.slice(0, cut),
          query: cut < 0 ? "" : raw.slice(cut + 1),
          headers: request.headers as Record<string, string>,
          body,
        },
        session,
      );
    })
    .then(
      ({ status, headers, body }) => {
        response.writeHead(status, { ...headers, "content-length": body.length });
        response.end(body);
      },
      (thrown) => response.writeHead(500).end(String(thrown)),
    );
});

const nothing = Buffer.alloc(0);
function bodyOf(request: IncomingMessage): Promise<Buffer> | Promise<typeof nothing> {
  if (request.method === "GET") return Promise.resolve(nothing);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
  });
}

server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
