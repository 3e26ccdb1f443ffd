/**
 * Standard Webhooks (standardwebhooks.com, 1.0), as everybody here sends them: the secret, the signature, one attempt, and when to try again.
 * Does not own what is told, to whom, or where messages wait: those are gateway/changes (rows) and platform/notify (news).
 */
export { type Backoff, makeBackoff, type NextTry } from "./backoff.ts";
export { webhookSecretUnfit } from "./errors.ts";
export { type Attempt, post } from "./post.ts";
export { signedHeaders, signingKey } from "./sign.ts";
