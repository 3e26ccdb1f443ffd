export type { PullRow, PullState, Verdict } from "./pull.ts";
export {
  getPullRow,
  listPreviewWishes,
  listPullRows,
  listUndeployedPulls,
  listUnreportedPulls,
  type PreviewWish,
} from "./read-pulls.ts";
export {
  attributeOperations,
  beginReview,
  failReview,
  markDeployed,
  markPosted,
  markPullReported,
  moveBase,
  type PullOpened,
  recordLabels,
  recordPull,
  recordPullState,
  recordReview,
  stopAutoMerge,
} from "./write-pulls.ts";
