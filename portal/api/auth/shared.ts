import type { Request } from "express";
import { z } from "zod";
import {
  type Principal,
  personNeeded,
  type SessionTokens,
  signInRefused,
  tooManyAttempts,
} from "../../../platform/identity/index.ts";
import { findLiveSession, type User } from "../../../platform/store/index.ts";
import type { Client, Person } from "../../auth/index.ts";
import { addressOf, networkOf } from "../address.ts";
import type { Portal } from "../portal.ts";
import { named, timestamp } from "../schemas.ts";
import { time } from "../wire.ts";

/** What the routes of people have in common: who asks, from where, and how a session is handed out. */
export const email = z.email("must be an e-mail address").max(254).toLowerCase();
export const personName = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}]*$/u, "must be one line of text");
/** As typed: whether it is good enough is decided where it is set. */
export const password = z.string().min(1).max(1000);
export const oneTimeToken = z.string().min(1).max(200).describe("As it stands in the mail.");
export const keep = z
  .enum(["token", "cookie"])
  .default("token")
  .describe("Where the refresh token goes: into the answer, or (browsers) into an HttpOnly cookie.");

export const person = named(
  "Person",
  "An account.",
  z.strictObject({
    id: z.string(),
    email: z.string().nullable(),
    name: z.string(),
    platformAdmin: z.boolean(),
    createdAt: timestamp,
    disabledAt: timestamp.nullable(),
  }),
);
export const personToWire = (user: User) => ({
  id: user.id,
  email: user.email,
  name: user.name,
  platformAdmin: user.platformAdmin,
  createdAt: time(user.createdAt),
  disabledAt: user.disabledAt === null ? null : time(user.disabledAt),
});

const tokens = {
  accessToken: z.string().describe("A JWT for `Authorization: Bearer`; lives for minutes."),
  expiresAt: timestamp.describe("When the access token dies."),
  refreshToken: z.string().nullable().describe("For /auth/refresh, once. null: it is in the cookie."),
  sessionId: z.string(),
  sessionExpiresAt: timestamp.describe("When the session ends if it is not refreshed."),
};
export const sessionSchema = named("SessionTokens", "A session's tokens, shown once.", z.strictObject(tokens));
export const signedIn = named(
  "SignedIn",
  "A new session.",
  z.strictObject({ status: z.literal("signed-in"), person, ...tokens }),
);
export const secondFactor = named(
  "SecondFactorNeeded",
  "The password was right; the session begins with a code at /auth/mfa.",
  z.strictObject({
    status: z.literal("second-factor"),
    mfaToken: z.string(),
    methods: z.array(z.enum(["totp", "recovery-code"])),
    expiresInSeconds: z.int(),
  }),
);

export type Keep = z.output<typeof keep>;

/** The tokens as an answer: with the refresh token in the body, or in the cookie. */
export function tokensToWire(given: SessionTokens, keeping: Keep, portal: Portal) {
  const inBody = keeping === "token";
  const refreshToken = given.refreshToken.reveal();
  const seconds = Math.floor((given.sessionExpiresAt.getTime() - portal.clock.now()) / 1000);
  return {
    body: {
      accessToken: given.accessToken.reveal(),
      expiresAt: time(given.expiresAt),
      refreshToken: inBody ? refreshToken : null,
      sessionId: given.sessionId,
      sessionExpiresAt: time(given.sessionExpiresAt),
    },
    headers: inBody ? {} : { "set-cookie": cookie(refreshToken, seconds, portal) },
  };
}

const cookieName = "nebula_refresh";

/** Sent to these routes only, never by another site's page, never to a script. `seconds` 0 removes it. */
export const cookie = (value: string, seconds: number, { reachable }: Portal): string =>
  [
    `${cookieName}=${value}`,
    "Path=/api/v1/auth",
    `Max-Age=${Math.max(0, seconds)}`,
    "HttpOnly",
    "SameSite=Strict",
    ...(reachable.tls ? ["Secure"] : []),
  ].join("; ");

export const refreshTokenIn = (request: Request): string | undefined => cookieIn(request, cookieName);

export function cookieIn(request: Request, wanted: string): string | undefined {
  const pairs = (request.headers.cookie ?? "").split(/; */).map((pair) => pair.split("="));
  return pairs.find(([name]) => name === wanted)?.[1];
}

/**
 * What binds a sign-in that is half done to its browser. "Lax" lets the way back from a provider carry it: a link that another site's
 * page leads to, and nothing else of that page's.
 */
export const ticketCookie = (
  name: "nebula_sign_in" | "nebula_passkey",
  value: string,
  seconds: number,
  { reachable }: Portal,
): string =>
  [
    `${name}=${value}`,
    "Path=/api/v1/auth",
    `Max-Age=${seconds}`,
    "HttpOnly",
    `SameSite=${name === "nebula_sign_in" ? "Lax" : "Strict"}`,
    ...(reachable.tls ? ["Secure"] : []),
  ].join("; ");

export const clientOf = (request: Request): Client => {
  const address = addressOf(request);
  return { address, agent: request.get("user-agent") ?? null, network: networkOf(address) };
};

/** @throws NEB668 when a key asks, NEB665 when the session has ended meanwhile. */
export async function personOf(principal: Principal, portal: Portal): Promise<Person> {
  if (principal.kind !== "user") throw personNeeded("this is for a person who is signed in, and a key asks");
  const live = await findLiveSession(portal.sql, principal.id);
  if (live === undefined) throw refused();
  return { user: live.user, sessionId: live.session.id, begunAt: live.session.createdAt };
}

export const refused = () => signInRefused("e-mail, password or code is wrong, or the account cannot sign in");

export const limited = ({ retryAfterSeconds }: { readonly retryAfterSeconds: number }) =>
  tooManyAttempts("too many attempts", { fields: { retryAfterSeconds } });
