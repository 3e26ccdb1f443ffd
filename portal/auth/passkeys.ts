import { createHmac } from "node:crypto";
import { isIP } from "node:net";
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import type { Secret } from "../../platform/core/index.ts";
import { accountState, attemptChallenge, issueChallenge } from "../../platform/identity/index.ts";
import {
  countWaysIn,
  endSessions,
  findPasskey,
  findUser,
  insertPasskey,
  listPasskeys,
  type Passkey,
  queueMail,
  removePasskey,
  spendChallenge,
  usePasskey,
} from "../../platform/store/index.ts";
import type { Person } from "./accounts.ts";
import type { Auth } from "./auth.ts";
import { passkeyRefused } from "./federation/errors.ts";
import type { Client } from "./limiter.ts";
import { finishSignIn, maySignIn, type SignIn } from "./sign-in.ts";

/**
 * Passkeys (WebAuthn): a key pair on the person's device, unlocked by the person. Discoverable, so that nobody types a name, and with
 * user verification, so that a passkey is two factors by itself.
 *
 * 1. The challenge is derived from a ticket, of which the ledger keeps the hash; it works once. To sign in, the ticket is a cookie of
 *    the browser; to add a passkey it belongs to the session that asked.
 * 2. The answer must be signed for our address (`rpId`, `origin`), which comes from NEBULA_PUBLIC_URL and never from the request.
 * 3. A device that counts its uses must count on: one that does not is a copy, and is refused.
 * 4. The device names the account (`userHandle`), and it must be the one that the passkey is of.
 */
export type Site = { readonly rpId: string; readonly origin: string };

const waitSeconds = 300;
const mostPasskeys = 20;
/** COSE: Ed25519, P-256, RSA. What every authenticator has at least one of. */
const algorithms = [-8, -7, -257];

/**
 * What passkeys are bound to. Browsers take a name, no address; this machine is `localhost` then, which may be without TLS.
 * @throws NEB672 where the portal has neither
 */
export function siteOf(publicUrl: string): Site {
  const url = new URL(publicUrl);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host === "127.0.0.1" || host === "::1") url.hostname = "localhost";
  else if (isIP(host) !== 0 || (url.protocol !== "https:" && host !== "localhost"))
    throw accountState("passkeys need the portal at a name and by https (NEBULA_PUBLIC_URL)");
  return { rpId: url.hostname, origin: url.origin };
}

export type Enrolment = { readonly ticket: Secret; readonly options: PublicKeyCredentialCreationOptionsJSON };

/** What the browser makes a passkey with, for somebody who has shown to be the account's owner. @throws NEB672 */
export async function beginPasskey(auth: Auth, { user, sessionId }: Person): Promise<Enrolment> {
  const { rpId } = siteOf(auth.publicUrl);
  const { sql } = auth.identity;
  const known = await listPasskeys(sql, user.id);
  if (known.length >= mostPasskeys) throw accountState(`an account has at most ${mostPasskeys} passkeys`);
  const ticket = await issueChallenge(sql, {
    ...{ kind: "passkey-new", userId: user.id, details: { session: sessionId }, lifetimeSeconds: waitSeconds },
  });
  const options = await generateRegistrationOptions({
    rpName: "NebulaDB",
    rpID: rpId,
    userName: user.email ?? user.name,
    userDisplayName: user.name,
    userID: new Uint8Array(Buffer.from(user.id)),
    challenge: challengeOf(ticket.reveal()),
    timeout: waitSeconds * 1000,
    attestationType: "none",
    supportedAlgorithmIDs: algorithms,
    excludeCredentials: known.map(({ id, transports }) => ({ id, transports: [...transports] })),
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
  });
  return { ticket, options };
}

/** @throws NEB639, NEB672 */
export async function finishPasskey(
  auth: Auth,
  { user, sessionId }: Person,
  given: { readonly ticket: string; readonly name: string; readonly response: unknown },
): Promise<Passkey> {
  const { rpId, origin } = siteOf(auth.publicUrl);
  const { sql } = auth.identity;
  const challenge = await attemptChallenge(sql, given.ticket, "passkey-new", 1);
  const isOurs = challenge?.userId === user.id && challenge.details.session === sessionId;
  if (challenge === undefined || !isOurs || !(await spendChallenge(sql, challenge.id)))
    throw passkeyRefused("this was begun in another session, or too long ago");
  const { registrationInfo } = await verifyRegistrationResponse({
    response: given.response as RegistrationResponseJSON,
    expectedChallenge: textOf(challengeOf(given.ticket)),
    expectedOrigin: origin,
    expectedRPID: rpId,
    requireUserVerification: true,
    supportedAlgorithmIDs: algorithms,
  }).catch((cause: unknown) => {
    throw passkeyRefused("what the device answered does not fit", { cause });
  });
  if (registrationInfo === undefined) throw passkeyRefused("what the device answered is not signed as it should be");
  const { credential, credentialBackedUp } = registrationInfo;
  const made = await sql.tx(async (tx) => {
    const passkey = await insertPasskey(tx, {
      ...{ id: credential.id, userId: user.id, name: given.name, counter: credential.counter },
      publicKey: Buffer.from(credential.publicKey),
      transports: credential.transports ?? [],
      backedUp: credentialBackedUp,
    });
    if (passkey !== undefined && user.email !== null)
      await queueMail(tx, { kind: "way-in-added", email: user.email, params: { what: `passkey ${given.name}` } });
    return passkey;
  });
  if (made === undefined) throw accountState("this passkey is known already");
  return made;
}

export type PasskeySignIn = { readonly ticket: Secret; readonly options: PublicKeyCredentialRequestOptionsJSON };

/** What the browser looks for a passkey with; says nothing of any account. @throws NEB672 */
export async function beginPasskeySignIn(auth: Auth): Promise<PasskeySignIn & { readonly seconds: number }> {
  const { rpId } = siteOf(auth.publicUrl);
  const ticket = await issueChallenge(auth.identity.sql, {
    ...{ kind: "passkey", userId: null, details: {}, lifetimeSeconds: waitSeconds },
  });
  const options = await generateAuthenticationOptions({
    rpID: rpId,
    challenge: challengeOf(ticket.reveal()),
    timeout: waitSeconds * 1000,
    userVerification: "required",
  });
  return { ticket, options, seconds: waitSeconds };
}

export type PasskeyEnding = SignIn | { readonly kind: "copied"; readonly user: NonNullable<SignInUser> };
type SignInUser = Extract<SignIn, { kind: "refused" }>["user"];

export async function signInWithPasskey(
  auth: Auth,
  given: { readonly ticket: string | undefined; readonly response: AuthenticationResponse },
  client: Client,
): Promise<PasskeyEnding> {
  const ending = await tryPasskey(auth, given, client);
  auth.observe({
    ...{ kind: "auth.sign_in", method: "passkey" },
    verdict: ending.kind === "copied" ? "refused" : ending.kind,
  });
  return ending;
}

/** Only what we read ourselves; the rest is the library's. */
export type AuthenticationResponse = {
  readonly id: string;
  readonly response: { readonly userHandle?: string | undefined };
};

async function tryPasskey(
  auth: Auth,
  { ticket, response }: { readonly ticket: string | undefined; readonly response: AuthenticationResponse },
  client: Client,
): Promise<PasskeyEnding> {
  const { sql } = auth.identity;
  const { rpId, origin } = siteOf(auth.publicUrl);
  const admission = await auth.limiter.token(client);
  if (admission.kind === "limited") return admission;
  const challenge = ticket === undefined ? undefined : await attemptChallenge(sql, ticket, "passkey", 1);
  if (ticket === undefined || challenge === undefined || !(await spendChallenge(sql, challenge.id)))
    return { kind: "refused", user: undefined };
  const passkey = await findPasskey(sql, response.id);
  const user = passkey === undefined ? undefined : await findUser(sql, passkey.userId);
  const handle = Buffer.from(response.response.userHandle ?? "", "base64url").toString();
  if (passkey === undefined || user === undefined || handle !== user.id) return { kind: "refused", user: undefined };
  // The counter is compared where it is kept, below: of two answers at once one is late.
  const credential = { id: passkey.id, publicKey: new Uint8Array(passkey.publicKey), counter: 0 };
  const proof = await verifyAuthenticationResponse({
    response: response as AuthenticationResponseJSON,
    expectedChallenge: textOf(challengeOf(ticket)),
    ...{ expectedOrigin: origin, expectedRPID: rpId, credential, requireUserVerification: true },
  }).catch(() => undefined);
  if (!proof?.verified || !maySignIn(user)) return { kind: "refused", user };
  const { newCounter, credentialBackedUp } = proof.authenticationInfo;
  if (!(await usePasskey(sql, passkey.id, newCounter, credentialBackedUp))) return { kind: "copied", user };
  await admission.succeeded();
  return finishSignIn(auth, user, ["hwk"], client);
}

/** Takes a way in from the account, and ends the sessions that it may have opened: every one but this. @throws NEB672 */
export const dropPasskey = ({ identity: { sql } }: Auth, { user, sessionId }: Person, id: string): Promise<boolean> =>
  sql.tx(async (tx) => {
    const ways = await countWaysIn(tx, user.id);
    if (!(await removePasskey(tx, id, user.id))) return false;
    if (ways < 2)
      throw accountState("this is the only way in to your account; set a password first (`account forgot`)");
    await endSessions(tx, user.id, "everywhere", sessionId);
    return true;
  });

const challengeOf = (ticket: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(createHmac("sha256", ticket).update("nebula passkey").digest());

const textOf = (challenge: Uint8Array): string => Buffer.from(challenge).toString("base64url");
