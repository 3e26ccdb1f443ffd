/**
 * A session that stands: bytes both ways, uninterpreted. What is done for each piece is what the speed of the gateway depends on
 * (decision 0017): it is counted, the keeper is told, it is written.
 *
 * 1. A side that does not take its bytes stops the other side; nothing piles up here.
 * 2. When one side ends, the other gets what was still on its way, and ends.
 */
import type { Tap } from "./tap.ts";
import type { Upstream } from "./upstream.ts";

export type Traffic = { bytesIn: number; bytesOut: number };

export type RelayInput = {
  readonly client: Tap;
  readonly upstream: Upstream;
  /** What the client had sent already. */
  readonly early: Buffer;
  /** Counted besides the session's own; shared by an instance's sessions. */
  readonly account: Traffic;
  /** The client said something. Called often: must be cheap. */
  readonly touch: () => void;
  /** The server said something. As cheap. */
  readonly answered: () => void;
  /** Once, when the server first answers. */
  readonly onFirstAnswer?: () => void;
};

/** What the session was doing when the server last spoke. */
export type Rest = "idle" | "in transaction" | "busy";

export type Relay = Traffic & {
  rest(): Rest;
  /** Tells the client and closes, at the next moment that it is idle. */
  endWhenIdle(farewell: Buffer): void;
  /** Now. The farewell is said only where it does not fall into the middle of something. */
  end(farewell: Buffer): void;
  readonly ended: Promise<void>;
};

export function makeRelay({
  client: { socket: client, listen },
  upstream,
  early,
  account,
  touch,
  answered,
  onFirstAnswer,
}: RelayInput): Relay {
  const server = upstream.tap.socket;
  let status: number = restAfter.idle;
  let farewell: Buffer | undefined;
  let first = onFirstAnswer;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const relay: Relay = {
    ...{ bytesIn: 0, bytesOut: 0, ended },
    rest: () => (status === restAfter.idle ? "idle" : status === restAfter.busy ? "busy" : "in transaction"),
    endWhenIdle(words) {
      farewell = words;
      if (status === restAfter.idle) relay.end(words);
    },
    end(words) {
      if (status === restAfter.busy) client.destroy();
      else client.end(words);
      server.destroy();
    },
  };

  const fromClient = (bytes: Buffer): void => {
    status = restAfter.busy;
    relay.bytesIn += bytes.length;
    account.bytesIn += bytes.length;
    touch();
    if (!server.write(bytes)) client.pause();
  };
  const fromServer = (bytes: Buffer): void => {
    status = restOf(bytes);
    relay.bytesOut += bytes.length;
    account.bytesOut += bytes.length;
    answered();
    if (!client.write(bytes)) server.pause();
    if (first !== undefined) {
      first();
      first = undefined;
    }
    if (farewell !== undefined && status === restAfter.idle) relay.end(farewell);
  };

  client.on("drain", () => server.resume());
  server.on("drain", () => client.resume());
  client.once("end", () => server.end()).once("close", () => server.destroy());
  server.once("end", () => client.end());
  server.once("close", () => {
    client.end();
    resolve();
  });
  if (early.length > 0) fromClient(early);
  upstream.tap.listen(fromServer);
  listen(fromClient);
  client.resume();
  return relay;
}

const restAfter = { busy: 0, idle: 0x49, transaction: 0x54, failed: 0x45 } as const;

/** Whether a piece ends with ReadyForQuery (`Z`, length 5, status). A row could end with the same six bytes: a guess, no promise. */
function restOf(bytes: Buffer): number {
  const at = bytes.length - 6;
  if (at < 0 || bytes[at] !== 0x5a || bytes[at + 4] !== 5 || bytes[at + 1] !== 0 || bytes[at + 3] !== 0)
    return restAfter.busy;
  return bytes[at + 5] ?? restAfter.busy;
}
