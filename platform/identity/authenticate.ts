import type { Clock } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { findPrincipal, type PrincipalRow, touchPrincipal } from "../store/index.ts";
import type { Account, Directory } from "./directory.ts";
import { tokenMissing, tokenRefused } from "./errors.ts";
import type { Identity } from "./identity.ts";
import { principalOfKey } from "./keys.ts";
import type { Principal } from "./principal.ts";
import { verifySession } from "./sessions.ts";
import { type ParsedToken, parseToken, sameHash } from "./token.ts";
import { principalFromRow } from "./tokens.ts";

/** What authentication works with. Without `identity` there are no sessions: `Bearer <JWT>` opens nothing. */
export type Authentication = {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly identity?: Identity;
};

/** The credential in an Authorization header: `Bearer ndb_...`, `ApiKey ndb_...` or `Bearer <access token>`. */
export function credentialIn(authorization: string | undefined): string | undefined {
  const [, credential] = /^(?:Bearer|ApiKey) +(\S+)$/i.exec(authorization ?? "") ?? [];
  return credential;
}

/** @throws NEB660 without a credential, NEB661 with one that opens nothing. */
export async function authenticate(parts: Authentication, authorization: string | undefined): Promise<Principal> {
  const credential = credentialIn(authorization);
  if (credential === undefined) throw tokenMissing("the request carries no key and no access token");
  const principal = await identify(parts, credential);
  if (principal === undefined) throw tokenRefused("this credential does not open anything here");
  return principal;
}

/** Whom a credential speaks for; undefined when it is none, unknown, wrong, revoked, expired, or its account is disabled. */
export async function identify(parts: Authentication, credential: string): Promise<Principal | undefined> {
  if (credential.startsWith("ndb_")) return identifyKey(parts, credential);
  if (parts.identity === undefined) return undefined;
  const session = await verifySession(parts.identity, credential);
  const account = session === undefined ? undefined : await parts.directory.accountOf(session.user);
  if (session === undefined || account === undefined) return undefined;
  return { ...personOf(account), id: session.sessionId };
}

const personOf = (account: Account): Omit<Principal, "id"> => ({
  kind: "user",
  name: account.name,
  user: account.user,
  account: account.id,
  grants: account.grants,
  scopes: null,
  database: null,
});

async function identifyKey({ sql, clock, directory }: Authentication, text: string): Promise<Principal | undefined> {
  const parsed = parseToken(text);
  if (parsed === undefined) return undefined;
  const row = await findPrincipal(sql, parsed.id);
  if (row === undefined || !opens(row, parsed, clock.now())) return undefined;
  const principal = row.owner === null ? principalFromRow(row) : await ofAccount(directory, row, row.owner);
  if (principal !== undefined && isStale(row, clock.now())) await touchPrincipal(sql, row.id);
  return principal;
}

/**
 * Whom a key speaks for, by its public id alone: for credentials that follow from a key and are proved elsewhere (platform/files).
 * undefined when it is unknown, revoked or expired, or its account is disabled.
 */
export async function principalOfKeyId(
  { sql, clock, directory }: Pick<Authentication, "sql" | "clock" | "directory">,
  id: string,
): Promise<{ readonly principal: Principal; readonly expiresAt: Date | null } | undefined> {
  const row = await findPrincipal(sql, id);
  if (row === undefined || !isAlive(row, clock.now())) return undefined;
  const principal = row.owner === null ? principalFromRow(row) : await ofAccount(directory, row, row.owner);
  if (principal !== undefined && isStale(row, clock.now())) await touchPrincipal(sql, row.id);
  return principal && { principal, expiresAt: row.expiresAt };
}

async function ofAccount(directory: Directory, row: PrincipalRow, owner: string): Promise<Principal | undefined> {
  const account = await directory.account(owner);
  return account === undefined ? undefined : principalOfKey(row, account);
}

/**
 * Whether this is the key of the row. Compared are hashes of the whole text, in constant time: neither how much of a guess is
 * right nor where it goes wrong shows in the time of the answer.
 */
export const opens = (
  row: Pick<PrincipalRow, "secretHash" | "revokedAt" | "expiresAt">,
  parsed: ParsedToken,
  nowMs: number,
): boolean => sameHash(row.secretHash, parsed.hash) && isAlive(row, nowMs);

const isAlive = ({ revokedAt, expiresAt }: Pick<PrincipalRow, "revokedAt" | "expiresAt">, nowMs: number): boolean =>
  revokedAt === null && (expiresAt === null || expiresAt.getTime() > nowMs);

const isStale = (row: PrincipalRow, nowMs: number): boolean =>
  row.lastUsedAt === null || nowMs - row.lastUsedAt.getTime() > 60_000;
