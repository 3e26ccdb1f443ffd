/**
 * How bytes come out of a socket: given to one listener, which may be another one later, by way of one buffer that all sockets share.
 *
 * A read is followed by its callback at once, so that no second socket can come in between; what has to outlive the callback is
 * copied. This saves the 64 KB that Node sets aside for each read otherwise, and the stream's own queue: about a fifth of what a
 * relayed query costs this process (decision 0017).
 */
import { Socket, type SocketConstructorOpts } from "node:net";

export type Tap = {
  readonly socket: Socket;
  /** Bytes go there from now on. They are the listener's own. */
  listen(to: (bytes: Buffer) => void): void;
};

const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** What was read, of one's own: small pieces come from Node's pool. */
function takeCopy(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  shared.copy(bytes, 0, 0, count);
  return bytes;
}

/** A socket of ours, to be connected. */
export const makeTap = (): Tap => tapped({});

/**
 * An accepted connection that was not read yet (`pauseOnConnect`). Node reads into a given buffer only what it connects itself: the
 * connection is taken over into a socket that was made so. Where it cannot be taken over, it is read as usual.
 */
export function adopt(accepted: Socket): Tap {
  const from = accepted as unknown as { _handle: unknown };
  const handle = from._handle;
  if (typeof handle !== "object" || handle === null) return tapStream(accepted);
  from._handle = null;
  accepted.destroy(); // the server no longer counts it
  return tapped({ handle } as SocketConstructorOpts);
}

/** A stream that somebody else reads, for example TLS. */
export function tapStream(socket: Socket): Tap {
  let deliver: ((bytes: Buffer) => void) | undefined;
  return {
    socket,
    listen(to) {
      if (deliver === undefined) socket.on("data", (bytes: Buffer) => deliver?.(bytes));
      deliver = to;
    },
  };
}

function tapped(options: SocketConstructorOpts): Tap {
  const early: Buffer[] = [];
  let deliver = (bytes: Buffer): void => void early.push(bytes);
  const onread = {
    buffer: shared,
    callback: (count: number) => {
      deliver(takeCopy(count));
      return true;
    },
  };
  const socket = new Socket({ ...options, onread });
  return {
    socket,
    listen(to) {
      deliver = to;
      for (const bytes of early.splice(0)) to(bytes);
    },
  };
}
