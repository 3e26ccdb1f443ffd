import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type FlakyHost = {
  readonly url: string;
  /** How many requests were spoiled, by how. */
  readonly spoiled: Readonly<Record<string, number>>;
  /** From now on everything comes through. */
  heal(): void;
  close(): Promise<void>;
};

/**
 * A bad line to a Git host: in front of `target` it refuses, answers 502 before or after the host did its work, cuts bodies, and
 * is slow - each with a probability, from a seed.
 */
export async function flakyHost(target: string, seed: number, probability: number): Promise<FlakyHost> {
  let state = seed;
  let healthy = false;
  /** mulberry32 */
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const spoiled: Record<string, number> = {};
  const fates = ["refused", "502 before", "502 after", "cut", "limited", "slow"] as const;
  const fate = (): (typeof fates)[number] | undefined => {
    if (healthy || random() >= probability) return undefined;
    const chosen = fates[Math.floor(random() * fates.length)] ?? "slow";
    spoiled[chosen] = (spoiled[chosen] ?? 0) + 1;
    return chosen;
  };
  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    const fated = fate();
    if (fated === "refused") return void response.destroy();
    if (fated === "502 before") return void response.writeHead(502).end("bad gateway");
    if (fated === "limited")
      return void response
        .writeHead(429, { "retry-after": "1", "content-type": "application/json" })
        .end('{"message":"slow"}');
    const forward = request(
      `${target}${incoming.url}`,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        if (fated === "502 after") {
          answer.resume();
          return void response.writeHead(502).end("bad gateway");
        }
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        if (fated === "cut") {
          answer.once("data", (chunk: Buffer) => response.write(chunk.subarray(0, Math.ceil(chunk.length / 2))));
          answer.once("end", () => response.destroy());
          return;
        }
        if (fated === "slow") setTimeout(() => answer.pipe(response), 300);
        else answer.pipe(response);
      },
    );
    forward.on("error", () => response.destroy());
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spoiled,
    heal() {
      healthy = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
