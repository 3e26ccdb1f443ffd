import { badConfig, type Clock, type Secret, systemClock, type Vault } from "../core/index.ts";
import type { Pool } from "../sql/index.ts";
import { sessionsEnded, signingKeysChanged } from "../store/index.ts";
import { type KeyRing, makeKeyRing } from "./key-ring.ts";
import { type LiveSessions, makeLiveSessions } from "./live-sessions.ts";
import { type Cost, makePasswords, type Passwords } from "./passwords.ts";

export type Lifetimes = {
  /** Of an access token. */
  readonly accessSeconds: number;
  /** A session that is not refreshed for so long is over. */
  readonly idleSeconds: number;
  /** A session is over after so long, however busy it is. */
  readonly absoluteSeconds: number;
  /** A refresh token that the same client sends twice within so long gets the same answer. */
  readonly graceSeconds: number;
};

export const defaultLifetimes: Lifetimes = {
  accessSeconds: 600,
  idleSeconds: 7 * 86_400,
  absoluteSeconds: 30 * 86_400,
  graceSeconds: 10,
};

/** @throws NEB901 when they are too short to work with, too long to be safe, or contradict each other. */
export function resolveLifetimes(given: Omit<Lifetimes, "graceSeconds">): Lifetimes {
  const { accessSeconds, idleSeconds, absoluteSeconds } = given;
  if (accessSeconds < 30 || accessSeconds > 3600)
    throw badConfig("NEBULA_ACCESS_TOKEN_SECONDS must be from 30 to 3600");
  if (idleSeconds < accessSeconds || absoluteSeconds < idleSeconds)
    throw badConfig(
      "NEBULA_SESSION_IDLE_HOURS must be longer than an access token's life and within NEBULA_SESSION_HOURS",
    );
  return { ...given, graceSeconds: defaultLifetimes.graceSeconds };
}

/** What signing in works with; one a process. */
export type Identity = {
  readonly sql: Pool;
  readonly vault: Vault;
  readonly clock: Clock;
  /** The portal's public address: `iss` of its tokens. */
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimes: Lifetimes;
  readonly passwords: Passwords;
  readonly keys: KeyRing;
  readonly live: LiveSessions;
  close(): Promise<void>;
};

export type IdentityOptions = {
  readonly sql: Pool;
  readonly vault: Vault;
  readonly issuer: string;
  readonly clock?: Clock;
  readonly lifetimes?: Partial<Lifetimes>;
  /** Tests hash cheaply. */
  readonly passwordCost?: Cost;
};

/** Listens for sessions that end and keys that change until it is closed. */
export async function makeIdentity(options: IdentityOptions): Promise<Identity> {
  const { sql, vault, issuer, clock = systemClock } = options;
  const lifetimes = { ...defaultLifetimes, ...options.lifetimes };
  const keys = makeKeyRing({ sql, vault, clock, accessSeconds: lifetimes.accessSeconds });
  const live = makeLiveSessions({ sql, clock });
  const deaf = [await sql.listen(sessionsEnded, live.forget), await sql.listen(signingKeysChanged, keys.forget)];
  return {
    sql,
    vault,
    clock,
    issuer,
    audience: "nebuladb",
    lifetimes,
    passwords: makePasswords(options.passwordCost),
    keys,
    live,
    async close() {
      for (const stop of deaf) await stop();
    },
  };
}

/** Where a request comes from, as sessions show it. */
export type ClientInfo = { readonly address: string | null; readonly agent: string | null };

export type SessionTokens = {
  readonly sessionId: string;
  readonly accessToken: Secret;
  readonly refreshToken: Secret;
  /** When the access token dies. */
  readonly expiresAt: Date;
  /** When the session does, unless it is refreshed; never later than its absolute end. */
  readonly sessionExpiresAt: Date;
};
