export type { PullRow, PullState, Verdict } from "./pull.ts";
export { getPullRow, listPullRows, listUndeployedPulls, listUnreportedPulls } from "./read-pulls.ts";
export {
  attributeOperations,
  beginReview,
  markDeployed,
  markPosted,
  markPullReported,
  type PullOpened,
  recordPull,
  recordPullState,
  recordReview,
} from "./write-pulls.ts";
