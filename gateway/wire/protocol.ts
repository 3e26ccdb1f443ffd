/** The bytes of Postgres's wire protocol, version 3, as far as a gateway speaks it itself: until a session stands. Pure. */

/** The first number of a connection's first packet. */
export const requests = {
  ssl: 80_877_103,
  gss: 80_877_104,
  cancel: 80_877_102,
} as const;

export const protocol30 = 0x3_0000;
export const protocol32 = 0x3_0002;

/** What a client may send before it is known: a start-up packet, and one message of its authentication. */
export const mostStartupBytes = 10_000;
export const mostAuthBytes = 4_096;

export const authentication = { ok: 0, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

/** One message: type, length, body. */
export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  const head = Buffer.allocUnsafe(5);
  head[0] = type.charCodeAt(0);
  head.writeInt32BE(length, 1);
  return Buffer.concat([head, ...parts]);
}

export function int32(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value | 0, i * 4);
  return bytes;
}

export const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, "utf8");

export const authenticationOk = message("R", int32(authentication.ok));
export const saslMechanisms = (names: readonly string[]): Buffer =>
  message("R", int32(authentication.sasl), ...names.map(cstring), Buffer.from([0]));
export const saslContinue = (text: string): Buffer =>
  message("R", int32(authentication.saslContinue), Buffer.from(text, "utf8"));
export const saslFinal = (text: string): Buffer =>
  message("R", int32(authentication.saslFinal), Buffer.from(text, "utf8"));

export const saslInitialResponse = (mechanism: string, text: string): Buffer => {
  const bytes = Buffer.from(text, "utf8");
  return message("p", cstring(mechanism), int32(bytes.length), bytes);
};
export const saslResponse = (text: string): Buffer => message("p", Buffer.from(text, "utf8"));

/** The version is written whole, as Postgres writes it. */
export const negotiateVersion = (version: number, unknownOptions: readonly string[]): Buffer =>
  message("v", int32(version, unknownOptions.length), ...unknownOptions.map(cstring));

export const backendKeyData = (pid: number, secret: Buffer): Buffer => message("K", int32(pid), secret);

export function startupMessage(version: number, parameters: ReadonlyMap<string, string>): Buffer {
  const body = Buffer.concat([
    int32(version),
    ...[...parameters].flatMap(([name, value]) => [cstring(name), cstring(value)]),
    Buffer.from([0]),
  ]);
  return Buffer.concat([int32(body.length + 4), body]);
}

export const cancelRequest = (pid: number, secret: Buffer): Buffer =>
  Buffer.concat([int32(12 + secret.length, requests.cancel, pid), secret]);

/** Fields of an ErrorResponse by their letter; the severity goes in both its forms. */
export function errorResponse(fields: ReadonlyMap<string, string>): Buffer {
  const parts = [...fields].flatMap(([letter, value]) => [Buffer.from(letter), cstring(value.replaceAll("\0", ""))]);
  return message("E", ...parts, Buffer.from([0]));
}

/** The same letters, of a message that a server sent. */
export function readErrorFields(body: Buffer): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1);
    if (end === -1) break;
    fields.set(String.fromCharCode(body[at] ?? 0), body.toString("utf8", at + 1, end));
    at = end + 1;
  }
  return fields;
}
