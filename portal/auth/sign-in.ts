import type { Secret } from "../../platform/core/index.ts";
import {
  attemptChallenge,
  beginSession,
  hasSecondFactor,
  issueChallenge,
  type SessionTokens,
  useSecondFactor,
} from "../../platform/identity/index.ts";
import { findUser, findUserByEmail, rehashPassword, spendChallenge, type User } from "../../platform/store/index.ts";
import type { Auth } from "./auth.ts";
import type { Client } from "./limiter.ts";

/**
 * From who somebody says to be, to a session.
 *
 * 1. One answer and one cost for a wrong password, an unknown account, a disabled one and one whose e-mail is not verified.
 * 2. Whoever has a second factor gets no session without it; what stands between is a token that opens nothing else.
 * 3. Every way in ends in `finishSignIn`: passwords here, providers and passkeys elsewhere.
 */
export type SignIn =
  | { readonly kind: "signed-in"; readonly user: User; readonly tokens: SessionTokens }
  | { readonly kind: "second-factor"; readonly user: User; readonly challenge: Secret; readonly seconds: number }
  /** `user` is whose account was tried, for the audit; never for the answer. */
  | { readonly kind: "refused"; readonly user: User | undefined }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number };

const challengeSeconds = 300;

export async function signInWithPassword(
  auth: Auth,
  given: { readonly email: string; readonly password: string },
  client: Client,
): Promise<SignIn> {
  const ending = await tryPassword(auth, given, client);
  auth.observe({ kind: "auth.sign_in", method: "password", verdict: ending.kind });
  return ending;
}

async function tryPassword(auth: Auth, { email, password }: { email: string; password: string }, client: Client) {
  const { sql, passwords } = auth.identity;
  const admission = await auth.limiter.password(email, client);
  if (admission.kind === "limited") return admission;
  const user = await findUserByEmail(sql, email);
  const stored = user?.passwordHash ?? null;
  const { right, stale } = await passwords.verify(stored, password);
  if (user === undefined || stored === null || !right || !maySignIn(user)) return { kind: "refused", user } as const;
  if (stale) await rehashPassword(sql, user.id, stored, await passwords.hash(password));
  const ending = await finishSignIn(auth, user, ["pwd"], client);
  await (ending.kind === "signed-in" ? admission.succeeded() : admission.halfway());
  return ending;
}

export const maySignIn = (user: User): boolean =>
  user.kind === "person" && user.disabledAt === null && user.emailVerifiedAt !== null;

/**
 * A session for a user who has proved to be it in the ways of `amr` (RFC 8176), or the demand for the second factor.
 * The caller has checked `maySignIn`.
 */
export async function finishSignIn(
  auth: Auth,
  user: User,
  amr: readonly string[],
  client: Client,
): Promise<Extract<SignIn, { kind: "signed-in" | "second-factor" }>> {
  const { identity } = auth;
  // A passkey is two factors by itself: the device, and what unlocks it.
  if (!amr.includes("hwk") && (await hasSecondFactor(identity, user))) {
    const details = { amr };
    const seconds = challengeSeconds;
    const challenge = await issueChallenge(identity.sql, {
      kind: "mfa",
      userId: user.id,
      details,
      lifetimeSeconds: seconds,
    });
    return { kind: "second-factor", user, challenge, seconds };
  }
  return { kind: "signed-in", user, tokens: await beginSession(identity, user, { ...client, amr }) };
}

/** The second half of a sign-in. */
export async function signInWithCode(
  auth: Auth,
  given: { readonly mfaToken: string; readonly code: string },
  client: Client,
): Promise<Exclude<SignIn, { kind: "second-factor" }>> {
  const ending = await tryCode(auth, given, client);
  auth.observe({ kind: "auth.sign_in", method: "code", verdict: ending.kind });
  return ending;
}

async function tryCode(auth: Auth, { mfaToken, code }: { mfaToken: string; code: string }, client: Client) {
  const { identity } = auth;
  const challenge = await attemptChallenge(identity.sql, mfaToken, "mfa");
  const user = challenge?.userId == null ? undefined : await findUser(identity.sql, challenge.userId);
  if (challenge === undefined || user === undefined || !maySignIn(user)) return { kind: "refused", user } as const;
  const admission = await auth.limiter.code(user.id);
  if (admission.kind === "limited") return admission;
  const used = await useSecondFactor(identity, user, code);
  if (used === undefined || !(await spendChallenge(identity.sql, challenge.id)))
    return { kind: "refused", user } as const;
  await admission.succeeded();
  const before = Array.isArray(challenge.details.amr) ? challenge.details.amr.map(String) : [];
  const tokens = await beginSession(identity, user, { ...client, amr: [...before, "otp", "mfa"] });
  return { kind: "signed-in", user, tokens } as const;
}
