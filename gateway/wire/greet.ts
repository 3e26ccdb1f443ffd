/**
 * From an accepted connection to its start-up packet: TLS by request or at once, encryption that we do not have, cancel requests.
 *
 * 1. What a client sent in clear behind a request for encryption is never read as if it had come encrypted (CVE-2021-23214).
 * 2. Direct TLS must name the protocol by ALPN, so that no other protocol's client is made to talk to a database (ALPACA).
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type ByteReader, Gone, makeByteReader } from "./byte-reader.ts";
import { mostAuthBytes, mostStartupBytes } from "./protocol.ts";
import { protocolViolation, Refused } from "./refusal.ts";
import { type FirstPacket, parseFirstPacket, readLength } from "./startup.ts";
import { type Tap, tapStream } from "./tap.ts";
import type { TlsIdentity } from "./types.ts";

type Startup = Extract<FirstPacket, { kind: "startup" }>;
export type Cancel = Extract<FirstPacket, { kind: "cancel" }>;

export type Greeted =
  | {
      readonly kind: "startup";
      readonly startup: Startup;
      readonly tap: Tap;
      readonly reader: ByteReader;
      /** Undefined in clear. */
      readonly tls: { readonly serverName: string | undefined; readonly binding: Buffer } | undefined;
    }
  | { readonly kind: "cancel"; readonly cancel: Cancel; readonly socket: Socket };

const mostBuffered = mostStartupBytes + mostAuthBytes;
const tlsHandshake = 0x16;

/** @param onSocket Told of the socket that speaks for the client from now on: an error has to go through it. @throws Refused, Gone */
export async function greet(
  raw: Tap,
  identity: TlsIdentity | undefined,
  onSocket: (socket: Socket) => void,
): Promise<Greeted> {
  let [tap, reader] = [raw, makeByteReader(raw, mostBuffered)];
  let tls: { readonly serverName: string | undefined; readonly binding: Buffer } | undefined;
  const secure = async (by: TlsIdentity, isDirect: boolean, read: Buffer) => {
    const secured = await upgrade(raw.socket, by, read);
    onSocket(secured);
    if (isDirect && secured.alpnProtocol !== "postgresql")
      throw new Refused(protocolViolation("received direct SSL connection request without ALPN protocol negotiation"));
    tls = { serverName: (secured as { servername?: string | false }).servername || undefined, binding: by.binding };
    tap = tapStream(secured);
    reader = makeByteReader(tap, mostBuffered);
  };

  const first = await reader.take(1);
  let head: Buffer;
  if (first[0] === tlsHandshake) {
    if (identity === undefined) throw new Refused(protocolViolation("this endpoint has no TLS"));
    await secure(identity, true, Buffer.concat([first, reader.release()]));
    head = await reader.take(4);
  } else head = Buffer.concat([first, await reader.take(3)]);

  const asked = new Set<string>();
  for (;;) {
    const packet = parseFirstPacket(await reader.take(readLength(head) - 4));
    if (packet.kind === "startup") return { kind: "startup", startup: packet, tap, reader, tls };
    if (packet.kind === "cancel") return { kind: "cancel", cancel: packet, socket: tap.socket };
    if (asked.has(packet.kind) || tls !== undefined)
      throw new Refused(protocolViolation(`a second request for ${packet.kind === "ssl" ? "SSL" : "GSSAPI"}`));
    asked.add(packet.kind);
    if (reader.buffered > 0)
      throw new Refused(
        protocolViolation(
          `received unencrypted data after ${packet.kind === "ssl" ? "SSL" : "GSSAPI encryption"} request`,
        ),
      );
    if (packet.kind === "ssl" && identity !== undefined) {
      reader.release();
      raw.socket.write("S");
      await secure(identity, false, Buffer.alloc(0));
    } else tap.socket.write("N");
    head = await reader.take(4);
  }
}

/** @throws Gone when the handshake fails: OpenSSL has told the client why. */
function upgrade(raw: Socket, { context }: TlsIdentity, read: Buffer): Promise<TLSSocket> {
  if (read.length > 0) raw.unshift(read);
  const secured = new TLSSocket(raw, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: ["postgresql"],
    requestCert: false,
    rejectUnauthorized: false,
  });
  return new Promise((resolve, reject) => {
    const gone = (problem?: Error) =>
      reject(new Gone(problem instanceof Error ? `TLS: ${problem.message}` : "closed during the TLS handshake"));
    secured.once("error", gone).once("close", gone);
    secured.once("secure", () => {
      secured.off("error", gone).off("close", gone);
      resolve(secured);
    });
  });
}
