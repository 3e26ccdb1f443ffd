/** A connection's first packet: what it asks for. Pure; every byte of it comes from a stranger. */
import { mostStartupBytes, requests } from "./protocol.ts";
import { protocolViolation, Refused } from "./refusal.ts";

export type FirstPacket =
  | { readonly kind: "ssl" }
  | { readonly kind: "gss" }
  | { readonly kind: "cancel"; readonly pid: number; readonly secret: Buffer }
  | { readonly kind: "startup"; readonly version: number; readonly parameters: ReadonlyMap<string, string> };

const longestCancelSecret = 256;

/** The length that a packet says it has, itself included. @throws Refused when no packet has it. */
export function readLength(head: Buffer): number {
  const length = head.readUInt32BE(0);
  if (length < 8 || length > mostStartupBytes) throw new Refused(protocolViolation("invalid length of startup packet"));
  return length;
}

/** @param body The packet after its length. @throws Refused */
export function parseFirstPacket(body: Buffer): FirstPacket {
  const code = body.readUInt32BE(0);
  const rest = body.subarray(4);
  if (code === requests.ssl || code === requests.gss) {
    if (rest.length > 0) throw new Refused(protocolViolation("invalid length of startup packet"));
    return { kind: code === requests.ssl ? "ssl" : "gss" };
  }
  if (code === requests.cancel) {
    if (rest.length < 8 || rest.length > 4 + longestCancelSecret)
      throw new Refused(protocolViolation("invalid length of cancel request packet"));
    return { kind: "cancel", pid: rest.readInt32BE(0), secret: Buffer.from(rest.subarray(4)) };
  }
  const [major, minor] = [code >>> 16, code & 0xffff];
  if (major !== 3)
    throw new Refused({
      reason: "protocol",
      code: "0A000",
      message: `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.2`,
      hint: "Use a client of PostgreSQL 7.4 or newer.",
    });
  return { kind: "startup", version: code, parameters: parseParameters(rest) };
}

const layout = "invalid startup packet layout: expected terminator as last byte";

function parseParameters(bytes: Buffer): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  let at = 0;
  const next = (): string => {
    const end = bytes.indexOf(0, at);
    if (end === -1) throw new Refused(protocolViolation(layout));
    const text = bytes.toString("utf8", at, end);
    at = end + 1;
    return text;
  };
  for (;;) {
    const name = next();
    if (name === "") break;
    parameters.set(name, next());
  }
  if (at !== bytes.length) throw new Refused(protocolViolation(layout));
  return parameters;
}
