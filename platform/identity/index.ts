/**
 * Who asks and what they may do. Owns API tokens, roles and scopes. Does not own sign-in flows (passwords, OIDC), nor what a
 * request is about: the route says that.
 *
 * 1. A token's secret is shown once and stored as a hash (`token.ts`).
 * 2. Who may do what is data (`roles.ts`); no code asks for a role by name.
 * 3. What a principal does not reach does not exist for it: 404, not 403 (`reaches` before `holds`).
 * 4. Nobody hands out a right he does not have (`mayGrant`).
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
export { type Authentication, authenticate, credentialIn, identify, opens } from "./authenticate.ts";
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
export { makeToken, type NewToken, type ParsedToken, parseToken, type TokenEnvironment } from "./token.ts";
export { type IssuedToken, issueToken, type NewGrant, principalFromRow } from "./tokens.ts";
export { beginTotp, finishTotp, hasSecondFactor, newRecoveryCodes, useSecondFactor } from "./totp.ts";
