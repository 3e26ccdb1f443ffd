export type { PullRow, PullState, Verdict } from "./pull.ts";
export { getPullRow, listPullRows, listUnreportedPulls } from "./read-pulls.ts";
export {
  beginReview,
  markDeployed,
  markPosted,
  markPullReported,
  type PullOpened,
  recordPull,
  recordPullState,
  recordReview,
} from "./write-pulls.ts";
