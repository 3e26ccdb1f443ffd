import { protocolViolation, Refused } from "./refusal.ts";
import type { Tap } from "./tap.ts";

/** The other side went away in the middle of a handshake. Nobody is left to be told. */
export class Gone extends Error {
  override readonly name = "Gone";
}

/**
 * Reads a stream by count, for as long as a handshake lasts; then lets go of it with what was read too far.
 *
 * 1. Holds at most `mostBytes`: who sends more before it is asked is refused.
 */
export type ByteReader = {
  /** @throws Gone when the stream ends before, Refused when too much came. */
  take(count: number): Promise<Buffer>;
  /** How much was read too far. */
  readonly buffered: number;
  /** Stops reading, the stream paused; what is left over. */
  release(): Buffer;
};

export function makeByteReader({ socket, listen }: Tap, mostBytes: number): ByteReader {
  let held: Buffer = Buffer.alloc(0);
  let ended: Error | undefined;
  let waiting: { count: number; resolve: (bytes: Buffer) => void; reject: (reason: Error) => void } | undefined;

  const settle = () => {
    if (waiting === undefined) return;
    const { count, resolve, reject } = waiting;
    if (held.length >= count) {
      waiting = undefined;
      const taken = held.subarray(0, count);
      held = held.subarray(count);
      resolve(taken);
    } else if (ended !== undefined) {
      waiting = undefined;
      reject(ended);
    }
  };
  const onData = (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (held.length > mostBytes) ended ??= new Refused(protocolViolation("too many bytes before the session stands"));
    if (ended !== undefined) socket.pause();
    settle();
  };
  const onEnd = () => {
    ended ??= new Gone("the connection was closed during the handshake");
    settle();
  };
  socket.on("end", onEnd).on("close", onEnd).on("error", onEnd);
  listen(onData);
  socket.resume();
  return {
    take: (count) =>
      new Promise((resolve, reject) => {
        if (ended instanceof Refused) return reject(ended);
        waiting = { count, resolve, reject };
        settle();
      }),
    get buffered() {
      return held.length;
    },
    release() {
      socket.pause();
      socket.off("end", onEnd).off("close", onEnd).off("error", onEnd);
      return held;
    },
  };
}

/** One message after the start-up: its type and its body. @throws Refused when it is longer than it may be. */
export async function readMessage(
  reader: ByteReader,
  mostBytes: number,
): Promise<{ readonly type: string; readonly body: Buffer }> {
  const head = await reader.take(5);
  const length = head.readUInt32BE(1);
  if (length < 4 || length > mostBytes) throw new Refused(protocolViolation("invalid message length"));
  return { type: String.fromCharCode(head[0] ?? 0), body: await reader.take(length - 4) };
}
