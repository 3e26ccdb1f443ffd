import { type Readable, Transform } from "node:stream";
import { Refusal } from "../http/refusal.ts";

export type PushCommand = { readonly name: string; readonly before: string | null; readonly after: string | null };

const maxCommandBytes = 1024 * 1024;
const hash = /^[0-9a-f]{40}$/;

/**
 * Reads the commands that a push begins with: pkt-lines `<old> <new> <ref>[\0<capabilities>]` up to the flush. What was read
 * is handed back to be sent on, together with the rest of the stream.
 * @throws Refusal 400 when it is no push, 413 when the list has no end.
 */
export async function readCommands(
  input: Readable,
): Promise<{ commands: readonly PushCommand[]; whole: AsyncIterable<Buffer> }> {
  const chunks = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  for (;;) {
    const commands = parseCommands(head);
    if (commands !== undefined) return { commands, whole: joined(head, chunks) };
    if (head.length > maxCommandBytes) throw new Refusal(413, "Too many references in one push");
    const next = await chunks.next().catch((thrown) => {
      throw thrown instanceof Refusal
        ? thrown
        : new Refusal(400, "The push was cut off or is not what its headers say");
    });
    if (next.done) throw new Refusal(400, "The push ended before its commands did");
    head = Buffer.concat([head, next.value]);
  }
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** undefined while the flush has not arrived. */
function parseCommands(head: Buffer): PushCommand[] | undefined {
  const commands: PushCommand[] = [];
  for (let at = 0; at + 4 <= head.length; ) {
    const digits = head.toString("latin1", at, at + 4);
    if (!/^[0-9a-f]{4}$/i.test(digits)) throw new Refusal(400, "Not a push");
    const length = Number.parseInt(digits, 16);
    if (length === 0) return commands;
    if (length < 5) throw new Refusal(400, "Not a push");
    if (at + length > head.length) return undefined;
    const line =
      head
        .toString("utf8", at + 4, at + length)
        .split("\0")[0]
        ?.replace(/\n$/, "") ?? "";
    at += length;
    if (line.startsWith("shallow ")) continue;
    if (line === "push-cert") throw new Refusal(400, "Signed pushes are not supported");
    commands.push(parseCommand(line));
  }
  return undefined;
}

function parseCommand(line: string): PushCommand {
  const [before = "", after = ""] = line.split(" ", 2);
  const name = line.slice(82);
  // The name goes into an environment of lines.
  if (!hash.test(before) || !hash.test(after) || name === "" || /\s/.test(name)) throw new Refusal(400, "Not a push");
  const orNull = (value: string) => (/^0+$/.test(value) ? null : value);
  return { name, before: orNull(before), after: orNull(after) };
}

/** Ends the stream with an error once more than `max` bytes went through. */
export function limitBytes(max: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > max) done(new Refusal(413, `More than ${max} bytes`));
      else done(null, chunk);
    },
  });
}
