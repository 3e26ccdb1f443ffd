/**
 * Who is there: SCRAM against the gate's verifier, before anything is woken. A name that is not there, and an address that is not
 * allowed, go the same way and fail at its end.
 */
import type { Socket } from "node:net";
import { type Gate, openClientKey, previousOf } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { isAllowed } from "./address.ts";
import { type ByteReader, readMessage } from "./byte-reader.ts";
import { mostAuthBytes, saslContinue, saslMechanisms } from "./protocol.ts";
import { protocolViolation, Refused } from "./refusal.ts";
import {
  type ChannelBinding,
  challenge,
  mechanism,
  mechanismPlus,
  mockVerifier,
  type Proven,
  parseVerifier,
  type Verifier,
  verifyProof,
} from "./scram.ts";

export type SignInInput = {
  readonly socket: Socket;
  readonly reader: ByteReader;
  readonly binding: ChannelBinding;
  readonly gate: Gate | undefined;
  /** As it was asked for, when there is no gate. */
  readonly name: string;
  readonly user: string;
  readonly address: string;
  readonly mockSecret: Buffer;
  readonly nowMs: number;
};

/** undefined when the password is wrong, or there is nothing to have one. @throws Refused, Gone */
export async function signIn(input: SignInInput): Promise<Proven | undefined> {
  const { socket, reader, binding, gate, user, address } = input;
  const role = gate !== undefined && Object.hasOwn(gate.roles, user) ? gate.roles[user] : undefined;
  const isOpen = gate !== undefined && isAllowed(gate.allowFrom, address);
  const real = role === undefined ? undefined : parseVerifier(role.verifier);
  const verifier = real ?? mockVerifier(input.mockSecret, `${input.name}:${user}`);

  socket.write(saslMechanisms(binding === undefined ? [mechanism] : [mechanismPlus, mechanism]));
  const initial = parseInitialResponse(await readPassword(reader), binding);
  const asked = challenge(initial.text, initial.chosen, verifier, binding);
  socket.write(saslContinue(asked.text));
  const final = (await readPassword(reader)).toString("utf8");
  const proven = verifyProof(final, asked, verifier);
  if (role === undefined || gate === undefined || real === undefined || !isOpen) return undefined;
  if (proven !== undefined) return proven;
  const previous = previousOf(role, input.nowMs);
  const old = previous === undefined ? undefined : parseVerifier(previous.verifier);
  if (previous === undefined || old === undefined || !sameSalt(old, verifier)) return undefined;
  const provenOld = verifyProof(final, asked, old);
  const clientKey =
    provenOld &&
    openClientKey(previous.sealedClientKey, provenOld.clientKey, { id: gate.id as DatabaseId, role: user });
  return provenOld && clientKey && { clientKey, final: provenOld.final };
}

/** Both passwords were salted alike, so that one challenge does for both. */
const sameSalt = (a: Verifier, b: Verifier): boolean => a.salt === b.salt && a.iterations === b.iterations;

async function readPassword(reader: ByteReader): Promise<Buffer> {
  const { type, body } = await readMessage(reader, mostAuthBytes);
  if (type !== "p")
    throw new Refused(protocolViolation(`expected SASL response, got message type ${JSON.stringify(type)}`));
  return body;
}

function parseInitialResponse(
  body: Buffer,
  binding: ChannelBinding,
): { readonly chosen: string; readonly text: string } {
  const end = body.indexOf(0);
  const chosen = end === -1 ? "" : body.toString("utf8", 0, end);
  const offered = binding === undefined ? [mechanism] : [mechanism, mechanismPlus];
  if (!offered.includes(chosen))
    throw new Refused(protocolViolation("client selected an invalid SASL authentication mechanism"));
  const text = body.subarray(end + 5);
  if (body.length < end + 5 || body.readInt32BE(end + 1) !== text.length)
    throw new Refused(protocolViolation("malformed SASL response"));
  return { chosen, text: text.toString("utf8") };
}
