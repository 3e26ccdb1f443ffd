/**
 * Who asks and what they may do. Owns sessions, API keys, roles, scopes, and what an account holds. Does not own sign-in flows
 * (portal/auth), nor what a request is about: the route says that.
 *
 * 1. A secret is shown once and stored as a hash (`token.ts`, `opaque.ts`).
 * 2. Who may do what is data (`roles.ts`); no code asks for a role by name.
 * 3. A person holds what the tenant.ts files in force say (`grants.ts`), looked up at each request; a key holds a part of that.
 * 4. In a tenant where a principal has no business nothing exists for it (404); in its own it is told no (403).
 * 5. Nobody hands out a right he does not have (`mayGrant`).
 */

export {
  accountState,
  oneTimeTokenRefused,
  personNeeded,
  registrationClosed,
  sessionOver,
  signInRefused,
  tooManyAttempts,
  weakPassword,
} from "./account-errors.ts";
export { type Authentication, authenticate, credentialIn, identify, opens, principalOfKeyId } from "./authenticate.ts";
export { type Account, accessChanged, type Directory, makeDirectory } from "./directory.ts";
export {
  accountExists,
  badGrant,
  keyNotRotatable,
  outOfReach,
  roleTooHigh,
  scopeMissing,
  tokenMissing,
  tokenRefused,
} from "./errors.ts";
export { grantsOf, indexMembers, type MemberUser, personGrants } from "./grants.ts";
export {
  type ClientInfo,
  defaultLifetimes,
  type Identity,
  type IdentityOptions,
  type Lifetimes,
  makeIdentity,
  resolveLifetimes,
  type SessionTokens,
} from "./identity.ts";
export {
  type IssuedKey,
  issueKey,
  type KeyPlace,
  keyToWire,
  limitOf,
  type NewKey,
  principalOfKey,
  type Rotation,
  rotateKey,
} from "./keys.ts";
export { attemptChallenge, issueChallenge, issueEmailToken, type NewChallenge, readEmailToken } from "./one-time.ts";
export { passwordProblem } from "./password-rules.ts";
export { type Cost, makePasswords, owaspCost, type Passwords } from "./passwords.ts";
export {
  can,
  fits,
  type Grant,
  holds,
  homeOf,
  isInside,
  mayGrant,
  narrow,
  type Principal,
  reaches,
  reachOf,
  rolesOf,
  scopesOf,
  type Target,
} from "./principal.ts";
export { isRole, type Role, roleScopes, roles, type Scope, scopeMeanings, scopes } from "./roles.ts";
export {
  beginSession,
  endByRefreshToken,
  type Refreshed,
  refreshSession,
  type VerifiedSession,
  verifySession,
} from "./sessions.ts";
export { type SqlGrant, signSqlToken } from "./sql-token.ts";
export { makeToken, type NewToken, type ParsedToken, parseToken, type TokenEnvironment } from "./token.ts";
export { type IssuedToken, issueToken, type NewGrant, principalFromRow } from "./tokens.ts";
export { beginTotp, finishTotp, hasSecondFactor, newRecoveryCodes, useSecondFactor } from "./totp.ts";
export { whyNot } from "./why-not.ts";
