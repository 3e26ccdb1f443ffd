export { type Approval, findApproval, recordApproval } from "./approvals.ts";
export { findProposal, findUserByIdentity, type ProposalRow, recordProposal } from "./proposals.ts";
export { getRestorePoint, listRestorePoints, type RestorePoint, recordRestorePoint } from "./restore-points.ts";
export { keepReview, listMergeCandidates, listReviews, type MergeCandidate, type ReviewRow } from "./reviews.ts";
