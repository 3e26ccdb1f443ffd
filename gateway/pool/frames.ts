/** Postgres's protocol as far as the responder and the console speak it: messages of both directions, no state. */

export type Frame = { readonly type: string; readonly body: Buffer };

export const protocol3 = 196_608;
export const sslRequest = 80_877_103;
export const gssRequest = 80_877_104;
export const cancelRequest = 80_877_102;

/** Cuts a stream into messages. A length nobody would send ends it. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  #started: boolean;
  readonly #mostBytes: number;

  /** `startup`: the first message has no type, as a client's. */
  constructor({
    startup = false,
    mostBytes = 1_048_576,
  }: { readonly startup?: boolean; readonly mostBytes?: number } = {}) {
    this.#started = !startup;
    this.#mostBytes = mostBytes;
  }

  /** The messages that are whole now. @throws RangeError */
  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  /** After a refused SSLRequest the start-up packet comes once more. */
  expectStartup(): void {
    this.#started = false;
  }

  #next(): Frame | undefined {
    const skip = this.#started ? 1 : 0;
    if (this.#rest.length < skip + 4) return undefined;
    const length = this.#rest.readUInt32BE(skip);
    if (length < 4 || length > this.#mostBytes) throw new RangeError(`a message of ${length} bytes`);
    const end = skip + length;
    if (this.#rest.length < end) return undefined;
    const type = this.#started ? String.fromCharCode(this.#rest[0] ?? 0) : "";
    const body = this.#rest.subarray(skip + 4, end);
    this.#rest = this.#rest.subarray(end);
    this.#started = true;
    return { type, body };
  }
}

export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(type.length + 4);
  head.write(type, "latin1");
  head.writeUInt32BE(body.length + 4, type.length);
  return Buffer.concat([head, body]);
}

export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};

export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** Names and values of a start-up packet, after its version. */
export function readPairs(body: Buffer): ReadonlyMap<string, string> {
  const words = body.toString("utf8").split("\0");
  const pairs = new Map<string, string>();
  for (let i = 0; i + 1 < words.length && words[i] !== ""; i += 2) pairs.set(words[i] ?? "", words[i + 1] ?? "");
  return pairs;
}

export const readyForQuery = message("Z", Buffer.from("I"));
export const complete = (tag: string): Buffer => message("C", text(tag));

export const errorResponse = (sqlState: string, said: string, hint?: string): Buffer => {
  const fields = [["S", "FATAL"], ["V", "FATAL"], ["C", sqlState], ["M", said], ...(hint ? [["H", hint]] : [])];
  return message("E", ...fields.map(([key, value]) => text(`${key}${value}`)), Buffer.from([0]));
};

/** The message of an ErrorResponse. */
export const readError = (body: Buffer): string =>
  body
    .toString("utf8")
    .split("\0")
    .find((field) => field.startsWith("M"))
    ?.slice(1) ?? "no reason given";

const column = (name: string): Buffer =>
  Buffer.concat([text(name), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);

export const rowDescription = (names: readonly string[]): Buffer =>
  message("T", int16(names.length), ...names.map(column));

export const dataRow = (values: readonly string[]): Buffer =>
  message(
    "D",
    int16(values.length),
    ...values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]),
  );

export function readColumns(body: Buffer): string[] {
  const names: string[] = [];
  for (let at = 2; names.length < body.readInt16BE(0); ) {
    const end = body.indexOf(0, at);
    names.push(body.toString("utf8", at, end));
    at = end + 19;
  }
  return names;
}

export function readRow(body: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  for (let at = 2; values.length < body.readInt16BE(0); ) {
    const length = body.readInt32BE(at);
    values.push(length < 0 ? null : body.toString("utf8", at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  return values;
}
