import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** One request as it went over the line. */
export type Passed = {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** What the host answered; undefined where it was not asked. */
  status: number | undefined;
};

/**
 * What happens to a request: the host is not asked (refused, 502 before, limited, secondary), or is asked and its answer is lost
 * (502 after, cut, late) or comes late (slow).
 */
export type Fate = "refused" | "502 before" | "limited" | "secondary" | "502 after" | "cut" | "late" | "slow";
export const fates: readonly Fate[] = [
  ...(["refused", "502 before", "limited", "secondary", "502 after", "cut", "late", "slow"] as const),
];

export type GitLine = {
  readonly url: string;
  readonly passed: readonly Passed[];
  /** How many requests each fate met. */
  readonly met: Readonly<Partial<Record<Fate, number>>>;
  close(): Promise<void>;
};

/** A line to a Git host: shows what goes over it, and spoils what `fate` says. */
export async function openGitLine(
  target: string,
  fate: (request: { readonly method: string; readonly path: string }) => Fate | undefined = () => undefined,
  { slowMs = 200, lateMs = 1_500 } = {},
): Promise<GitLine> {
  const passed: Passed[] = [];
  const met: Partial<Record<Fate, number>> = {};
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, work: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  };
  const limit = (response: ServerResponse, status: number, message: string) =>
    void response
      .writeHead(status, { "retry-after": "1", "content-type": "application/json" })
      .end(JSON.stringify({ message }));

  const server = createServer(async (incoming, response) => {
    const [method, path] = [incoming.method ?? "", incoming.url ?? ""];
    const body = await buffer(incoming).catch(() => Buffer.alloc(0));
    const one: Passed = { method, path, headers: incoming.headers, body, status: undefined };
    passed.push(one);
    const fated = fate({ method, path });
    if (fated !== undefined) met[fated] = (met[fated] ?? 0) + 1;
    if (fated === "refused") return void response.destroy();
    if (fated === "502 before") return void response.writeHead(502).end("bad gateway");
    if (fated === "limited") return limit(response, 429, "Too many requests");
    if (fated === "secondary") return limit(response, 403, "You have exceeded a secondary rate limit.");
    const forward = request(`${target}${path}`, { method, headers: incoming.headers }, (answer) => {
      one.status = answer.statusCode;
      const pass = () => {
        if (response.destroyed) return void answer.resume();
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      };
      if (fated === "502 after") {
        answer.resume();
        response.writeHead(502).end("bad gateway");
      } else if (fated === "cut") {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.once("data", (chunk: Buffer) => response.write(chunk.subarray(0, Math.floor(chunk.length / 2))));
        answer.once("end", () => response.destroy());
      } else if (fated === "slow") later(slowMs, pass);
      else if (fated === "late") later(lateMs, pass);
      else pass();
    });
    forward.on("error", () => response.destroy());
    forward.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    met,
    close: () =>
      new Promise((resolve) => {
        for (const timer of timers) clearTimeout(timer);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
