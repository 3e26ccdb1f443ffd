import { Agent, request as ask, type IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { type Credentials, type Signable, sign } from "../../platform/files/index.ts";
import { filesServerFailed } from "./errors.ts";
import { BodyRefused } from "./unchunk.ts";

/** Requests to the server behind us, signed as a bucket's own account. */
export type Upstream = {
  /** @throws NEB795 */
  send(what: Sent): Promise<IncomingMessage>;
  /** The answer whole: only for what is small. @throws NEB795 */
  ask(
    what: Omit<Sent, "body">,
  ): Promise<{ readonly status: number; readonly headers: Answered; readonly text: string }>;
  close(): void;
};

type Answered = IncomingMessage["headers"];
export type Sent = Signable & { readonly as: Credentials; readonly body?: Readable };

const mostTextBytes = 4 * 2 ** 20;
const silentMs = 120_000;

export function makeUpstream(socketPath: string, now: () => number): Upstream {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const send = ({ as, body, ...request }: Sent): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { method, path, query } = request;
      const headers = sign({ ...request, headers: { ...request.headers, host: "files" } }, as, now());
      const fail = (cause: Error) =>
        reject(cause instanceof BodyRefused ? cause : filesServerFailed(`versitygw: ${cause.message}`, { cause }));
      const sent = ask({
        socketPath,
        agent,
        method,
        path: query === "" ? path : `${path}?${query}`,
        headers,
        timeout: silentMs,
      });
      sent.once("response", resolve).once("error", fail);
      sent.once("timeout", () => sent.destroy(new Error("it does not answer")));
      if (body === undefined) {
        sent.end();
        return;
      }
      body.once("error", (problem) => sent.destroy(problem));
      body.pipe(sent);
    });
  return {
    send,
    async ask(what) {
      const response = await send(what);
      const pieces: Buffer[] = [];
      let size = 0;
      for await (const piece of response as AsyncIterable<Buffer>) {
        size += piece.length;
        if (size <= mostTextBytes) pieces.push(piece);
      }
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: Buffer.concat(pieces).toString("utf8"),
      };
    },
    close: () => agent.destroy(),
  };
}
