export { admitQuota, quotaReached } from "./admit-quota.ts";
export { expireTokens, type Taken, type TokenWindow, takeTokens } from "./take-tokens.ts";
