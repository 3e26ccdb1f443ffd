import { Transform } from "node:stream";

/**
 * What a server says, without its offer of channel binding: that is between it and whoever speaks TLS with it, which is us and not the
 * program behind us, and libpq takes the offer without TLS for an attack. A client that binds nothing says so, and is accepted.
 * Only the messages before the sign-in are read.
 */
export function withoutChannelBinding(): Transform {
  let held: Buffer | null = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      if (held === null) return done(null, chunk);
      held = Buffer.concat([held, chunk]);
      for (;;) {
        const said = firstMessage(held);
        if (said === "more") return done();
        const [message, rest] = said;
        this.push(message.length > 0 && message[0] === authentication ? unbound(message) : message);
        held = rest;
        if (message[0] === negotiate) continue; // the version comes before the sign-in
        held = null;
        return done(null, rest);
      }
    },
    flush(done) {
      done(null, held);
    },
  });
}

const authentication = 0x52;
const negotiate = 0x76;
const sasl = 10;
/** No message of a sign-in is longer; what is, is not for us. */
const longest = 10_000;

function firstMessage(bytes: Buffer): readonly [message: Buffer, rest: Buffer] | "more" {
  if (bytes.length < 5) return "more";
  const end = 1 + bytes.readInt32BE(1);
  if (end < 5 || end > longest) return [bytes, Buffer.alloc(0)];
  return bytes.length < end ? "more" : [bytes.subarray(0, end), bytes.subarray(end)];
}

function unbound(message: Buffer): Buffer {
  if (message.length < 9 || message.readInt32BE(5) !== sasl) return message;
  const offered = message
    .subarray(9)
    .toString("latin1")
    .split("\0")
    .filter((name) => name !== "");
  const kept = offered.filter((name) => !name.endsWith("-PLUS"));
  const list = Buffer.from(`${kept.map((name) => `${name}\0`).join("")}\0`, "latin1");
  const head = Buffer.from(message.subarray(0, 9));
  head.writeInt32BE(8 + list.length, 1);
  return Buffer.concat([head, list]);
}
