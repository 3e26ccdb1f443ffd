/**
 * A session at an instance's own server, through its Unix socket: connected, signed in with the ClientKey that the client's proof
 * gave away, and ready for its first query. Parses only until then.
 */
import { Socket } from "node:net";
import {
  authentication,
  int32,
  protocol30,
  readErrorFields,
  saslInitialResponse,
  saslResponse,
  startupMessage,
} from "./protocol.ts";
import { mechanism, signInWith } from "./scram.ts";
import { makeTap, type Tap } from "./tap.ts";

export type Upstream = {
  /** What it says after its greeting comes out there, uninterpreted. */
  readonly tap: Tap;
  /** What it calls itself; a cancel request needs both. */
  readonly pid: number;
  readonly secret: Buffer;
  /** ParameterStatus and notices, as they came, for the client. */
  readonly greeting: Buffer;
};

export type UpstreamEnding =
  | { readonly kind: "open"; readonly upstream: Upstream }
  /** It said no, in its own words. */
  | { readonly kind: "refused"; readonly code: string; readonly error: Buffer }
  /** Nobody answers there, or not in time. */
  | { readonly kind: "away"; readonly why: string };

export type SignIn = {
  readonly socketPath: string;
  readonly clientKey: Buffer;
  readonly parameters: ReadonlyMap<string, string>;
  readonly timeoutMs: number;
};

const mostGreetingBytes = 256 * 1024;

export function openUpstream({ socketPath, clientKey, parameters, timeoutMs }: SignIn): Promise<UpstreamEnding> {
  return new Promise((resolve) => {
    const tap = makeTap();
    const { socket } = tap;
    tap.listen(onBytes);
    const timer = setTimeout(() => end({ kind: "away", why: "it does not answer" }), timeoutMs);
    const onError = (error: Error) => end({ kind: "away", why: error.message });
    const onClose = () => end({ kind: "away", why: "it closed the connection" });
    socket.once("error", onError).once("close", onClose);
    socket.connect({ path: socketPath }, () => socket.write(startupMessage(protocol30, parameters)));

    socket.resume();
    const dialogue = makeDialogue(clientKey, (bytes) => socket.write(bytes));
    function onBytes(bytes: Buffer): void {
      const ending = dialogue(bytes);
      if (ending === undefined) return;
      if (ending.kind !== "ready") return end(ending);
      const { pid, secret, greeting } = ending;
      end({ kind: "open", upstream: { tap: held(tap), pid, secret, greeting } });
    }
    function end(ending: UpstreamEnding): void {
      clearTimeout(timer);
      socket
        .off("error", onError)
        .off("close", onClose)
        .on("error", () => undefined);
      if (ending.kind !== "open") socket.destroy();
      resolve(ending);
    }
  });
}

/** A notice may come before anybody listens; it belongs to the client. */
function held({ socket, listen }: Tap): Tap {
  const early: Buffer[] = [];
  listen((bytes) => void early.push(bytes));
  return {
    socket,
    listen(to) {
      for (const bytes of early.splice(0)) to(bytes);
      listen(to);
    },
  };
}

type Step =
  | { readonly kind: "ready"; readonly pid: number; readonly secret: Buffer; readonly greeting: Buffer }
  | Exclude<UpstreamEnding, { kind: "open" }>;

/** The sign-in as a fold over what the server sends: undefined while it goes on. */
function makeDialogue(clientKey: Buffer, send: (bytes: Buffer) => void): (bytes: Buffer) => Step | undefined {
  const scram = signInWith(clientKey);
  let held: Buffer = Buffer.alloc(0);
  let key: { readonly pid: number; readonly secret: Buffer } | undefined;
  const greeting: Buffer[] = [];
  const strange = (what: string): Step => ({ kind: "away", why: `it answered ${what}` });

  const authenticate = (body: Buffer): Step | undefined => {
    switch (body.readInt32BE(0)) {
      case authentication.ok:
      case authentication.saslFinal:
        return undefined;
      case authentication.sasl:
        send(saslInitialResponse(mechanism, scram.first));
        return undefined;
      case authentication.saslContinue: {
        const answer = scram.answer(body.toString("utf8", 4));
        if (answer === undefined) return strange("a SCRAM message that is none");
        send(saslResponse(answer));
        return undefined;
      }
      default:
        return strange("with a way to authenticate that is not SCRAM");
    }
  };

  const read = (type: string, body: Buffer, whole: Buffer): Step | undefined => {
    switch (type) {
      case "R":
        return authenticate(body);
      case "S":
      case "N":
        greeting.push(whole);
        return undefined;
      case "K":
        key = { pid: body.readInt32BE(0), secret: body.subarray(4) };
        return undefined;
      case "E":
        return { kind: "refused", code: readErrorFields(body).get("C") ?? "XX000", error: whole };
      case "Z":
        if (key === undefined) return strange("without a key to cancel by");
        return { kind: "ready", ...key, greeting: Buffer.concat(greeting) };
      default:
        return strange(`with a message of type ${int32(type.charCodeAt(0)).toString("hex")}`);
    }
  };

  return (bytes) => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    while (held.length >= 5) {
      const end = 1 + held.readUInt32BE(1);
      if (end > mostGreetingBytes || end < 5) return strange("with a message too long");
      if (held.length < end) return undefined;
      const whole = held.subarray(0, end);
      held = held.subarray(end);
      const step = read(String.fromCharCode(whole[0] ?? 0), whole.subarray(5), whole);
      if (step !== undefined) return step;
    }
    return undefined;
  };
}

/** Passes a cancel request on; nobody learns whether there was something to cancel. */
export function sendCancel(socketPath: string, request: Buffer, timeoutMs = 5_000): Promise<void> {
  return new Promise((resolve) => {
    const socket = new Socket();
    const done = () => {
      socket.destroy();
      resolve();
    };
    socket.setTimeout(timeoutMs, done).on("error", done).on("close", done);
    // The server answers by closing, after it has sent the signal.
    socket.connect({ path: socketPath }, () => socket.end(request));
    socket.resume();
  });
}
