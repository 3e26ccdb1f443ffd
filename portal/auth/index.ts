/**
 * Sign-in flows over platform/identity: what a person does to get an account, a session, a new password. Owns the limiter of
 * guesses and the mails. Does not own tokens, hashes and keys (platform/identity), nor HTTP (portal/api).
 *
 * 1. No answer, and no time that it takes, says whether an account exists.
 * 2. Whatever can be guessed is counted before it is looked at (`limiter.ts`).
 * 3. Expected endings are values; the API turns them into answers.
 */
export {
  type Asked,
  askForMail,
  type Changed,
  changePassword,
  type Invitation,
  invite,
  type Opened,
  openAccount,
  type Person,
  proveOwner,
  type Reset,
  resetPassword,
  setUp,
} from "./accounts.ts";
export {
  type Auth,
  type AuthOptions,
  makeAuth,
  type RegistrationMode,
  registrationModes,
} from "./auth.ts";
export {
  foreignSignInRefused,
  identityNotLinked,
  passkeyRefused,
  providerUnavailable,
  providerUnknown,
} from "./federation/errors.ts";
export {
  type Arrival,
  arrive,
  type Departure,
  depart,
  findProvider,
  type Purpose,
  type Redeemed,
  redeem,
  type Way,
} from "./federation/flow.ts";
export { type ForeignSignIn, link, ownerOf, signInAs, unlink } from "./federation/identities.ts";
export type { ForeignIdentity, Provider, Providers } from "./federation/provider.ts";
export { resolveProviders } from "./federation/settings.ts";
export { ensureSetupToken } from "./first-administrator.ts";
export { type AttemptLimits, type Client, defaultAttemptLimits } from "./limiter.ts";
export {
  beginPasskey,
  beginPasskeySignIn,
  dropPasskey,
  finishPasskey,
  type PasskeyEnding,
  signInWithPasskey,
  siteOf,
} from "./passkeys.ts";
export { type Post, sendNext, startPost } from "./post.ts";
export { finishSignIn, maySignIn, type SignIn, signInWithCode, signInWithPassword } from "./sign-in.ts";
