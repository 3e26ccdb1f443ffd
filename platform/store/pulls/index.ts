export type { PullRow, PullState, Verdict } from "./pull.ts";
export { getPullRow, listPullRows, listUndeployedPulls, listUnreportedPulls } from "./read-pulls.ts";
export {
  attributeOperations,
  beginReview,
  failReview,
  markDeployed,
  markPosted,
  markPullReported,
  moveBase,
  type PullOpened,
  recordPull,
  recordPullState,
  recordReview,
  stopAutoMerge,
} from "./write-pulls.ts";
