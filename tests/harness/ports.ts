import { createServer } from "node:net";

/** A loopback port that was free a moment ago. `span` asks for that many in a row. */
export async function freePort(span = 1): Promise<number> {
  for (;;) {
    const first = await claim(0);
    const rest = await Promise.all(Array.from({ length: span - 1 }, (_, i) => claim(first + i + 1).catch(() => 0)));
    if (first + span < 65_536 && rest.every((port) => port !== 0)) return first;
  }
}

const claim = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
