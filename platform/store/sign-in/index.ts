export { forgetAttempts, refundAttempt, type Spent, spendAttempt } from "./attempts.ts";
export { type Challenge, insertChallenge, spendChallenge, tryChallenge } from "./challenges.ts";
export { expireIdentity } from "./expire.ts";
