import type { Sql } from "../sql/index.ts";
import {
  endSession,
  findRefreshToken,
  insertRefreshToken,
  insertSession,
  lockSession,
  type RefreshToken,
  type Session,
  type User,
  useRefreshToken,
} from "../store/index.ts";
import type { ClientInfo, Identity, SessionTokens } from "./identity.ts";
import { signAccessToken, type TokenParts, verifyAccessToken } from "./jwt.ts";
import { makeOpaque, type Opaque, opaqueOf, parseOpaque } from "./opaque.ts";
import { sameHash } from "./token.ts";

/**
 * Sessions: a short access token and a refresh token that is exchanged at each use.
 *
 * 1. A session's refresh tokens are one family; at most one of them is unused.
 * 2. A token that comes a second time ends the whole family: either the thief or the owner is late, and nobody can tell which.
 * 3. Except: the same client (address and agent) may repeat the last exchange within seconds, for an answer can be lost. It
 *    gets the same successor again, as long as that one is unused. Nothing is kept for this: a successor is derived from the
 *    token before it under the master key.
 * 4. An ended session refuses its access tokens too: at once where the notification arrives, else within three seconds.
 */
export async function beginSession(
  identity: Identity,
  user: Pick<User, "id">,
  { amr, address, agent }: ClientInfo & { readonly amr: readonly string[] },
): Promise<SessionTokens> {
  const { idleSeconds, absoluteSeconds } = identity.lifetimes;
  const refresh = makeOpaque("ndr");
  const session = await identity.sql.tx(async (tx) => {
    const userAgent = cut(agent);
    const begun = await insertSession(tx, { userId: user.id, amr, address, userAgent, idleSeconds, absoluteSeconds });
    await insertRefreshToken(tx, { id: refresh.id, sessionId: begun.id, secretHash: refresh.hash });
    return begun;
  });
  return tokensOf(identity, session, refresh);
}

export type Refreshed =
  | { readonly kind: "refreshed"; readonly userId: string; readonly tokens: SessionTokens }
  | { readonly kind: "refused" }
  /** The family was ended by this. */
  | { readonly kind: "reused"; readonly userId: string; readonly sessionId: string };

export async function refreshSession(identity: Identity, text: string, client: ClientInfo): Promise<Refreshed> {
  const given = parseOpaque("ndr", text);
  if (given === undefined) return { kind: "refused" };
  const exchanged = await identity.sql.tx((tx) => exchange(identity, tx, { ...given, text }, client));
  if (exchanged.kind !== "exchanged") return exchanged;
  const { session, successor } = exchanged;
  return { kind: "refreshed", userId: session.userId, tokens: await tokensOf(identity, session, successor) };
}

type Exchanged =
  | { readonly kind: "exchanged"; readonly session: Session; readonly successor: Opaque }
  | Exclude<Refreshed, { kind: "refreshed" }>;
type Given = { readonly id: string; readonly hash: Buffer; readonly text: string };

async function exchange(identity: Identity, tx: Sql, given: Given, client: ClientInfo): Promise<Exchanged> {
  const found = await findRefreshToken(tx, given.id);
  if (found === undefined || !sameHash(found.secretHash, given.hash)) return { kind: "refused" };
  const session = await lockSession(tx, found.sessionId);
  // Read again under the lock: somebody may have exchanged it meanwhile.
  const token = session === undefined ? undefined : await findRefreshToken(tx, given.id);
  if (session === undefined || token === undefined) return { kind: "refused" };
  if (token.usedAt !== null) return repeat(identity, tx, { given, token, session }, client);
  const successor = successorOf(identity, given.text, makeOpaque("ndr").id);
  await insertRefreshToken(tx, { id: successor.id, sessionId: session.id, secretHash: successor.hash });
  const { idleSeconds } = identity.lifetimes;
  const userAgent = cut(client.agent);
  await useRefreshToken(tx, token, successor.id, { idleSeconds, address: client.address, userAgent });
  const idleExpiresAt = new Date(identity.clock.now() + idleSeconds * 1000);
  return { kind: "exchanged", session: { ...session, idleExpiresAt }, successor };
}

type Repeat = { readonly given: Given; readonly token: RefreshToken; readonly session: Session };

async function repeat(
  identity: Identity,
  tx: Sql,
  { given, token, session }: Repeat,
  client: ClientInfo,
): Promise<Exchanged> {
  const next = token.successor === null ? undefined : await findRefreshToken(tx, token.successor);
  const isSame = session.address === client.address && session.userAgent === cut(client.agent);
  const isSoon = (token.usedSecondsAgo ?? Number.POSITIVE_INFINITY) <= identity.lifetimes.graceSeconds;
  if (next !== undefined && next.usedAt === null && isSame && isSoon) {
    const successor = successorOf(identity, given.text, next.id);
    if (sameHash(successor.hash, next.secretHash)) return { kind: "exchanged", session, successor };
  }
  await endSession(tx, session.id, session.userId, "reuse");
  return { kind: "reused", userId: session.userId, sessionId: session.id };
}

const successorOf = ({ vault }: Identity, text: string, id: string): Opaque =>
  opaqueOf("ndr", id, vault.derive(`refresh:${text}`).reveal());

async function tokensOf(identity: Identity, session: Session, refresh: Opaque): Promise<SessionTokens> {
  const { token, expiresAt } = await signAccessToken(tokenParts(identity), {
    userId: session.userId,
    sessionId: session.id,
    amr: session.amr,
    begunAt: session.createdAt,
  });
  const { idleExpiresAt, expiresAt: ends } = session;
  const sessionExpiresAt = idleExpiresAt < ends ? idleExpiresAt : ends;
  return { sessionId: session.id, accessToken: token, refreshToken: refresh.text, expiresAt, sessionExpiresAt };
}

export type VerifiedSession = {
  readonly sessionId: string;
  readonly userId: string;
  /** As of a few seconds ago. */
  readonly user: User;
  readonly begunAt: Date;
};

/** Who an access token speaks for, while its session lives and its user is not disabled. */
export async function verifySession(identity: Identity, jwt: string): Promise<VerifiedSession | undefined> {
  const claims = await verifyAccessToken(tokenParts(identity), jwt);
  if (claims === undefined) return undefined;
  const live = await identity.live.find(claims.sessionId);
  if (live === undefined || live.user.id !== claims.userId) return undefined;
  return { sessionId: live.session.id, userId: live.user.id, user: live.user, begunAt: live.session.createdAt };
}

/** Ends the session that a refresh token belongs to; undefined when it is no token of a living session. */
export async function endByRefreshToken(
  { sql }: Pick<Identity, "sql">,
  text: string,
): Promise<{ readonly userId: string; readonly sessionId: string } | undefined> {
  const given = parseOpaque("ndr", text);
  if (given === undefined) return undefined;
  return sql.tx(async (tx) => {
    const found = await findRefreshToken(tx, given.id);
    if (found === undefined || !sameHash(found.secretHash, given.hash)) return undefined;
    const session = await lockSession(tx, found.sessionId);
    if (session === undefined) return undefined;
    await endSession(tx, session.id, session.userId, "signed-out");
    return { userId: session.userId, sessionId: session.id };
  });
}

const tokenParts = ({ keys, clock, issuer, audience, lifetimes }: Identity): TokenParts => ({
  keys,
  clock,
  issuer,
  audience,
  accessSeconds: lifetimes.accessSeconds,
});

const cut = (agent: string | null): string | null => agent?.slice(0, 200) ?? null;
