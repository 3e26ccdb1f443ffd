export { endSession, endSessions, sessionsEnded } from "./end-sessions.ts";
export { insertSession, type NewSession } from "./insert-session.ts";
export { findLiveSession, isKnownAddress, type LiveSession, listSessions, touchSession } from "./read-sessions.ts";
export {
  findRefreshToken,
  insertRefreshToken,
  lockSession,
  type RefreshToken,
  useRefreshToken,
} from "./refresh-tokens.ts";
export type { EndReason, Session } from "./session.ts";
