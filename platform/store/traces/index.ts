export { noteCommitTrace, pruneCommitTraces, traceOfCommit, tracesOfCommits } from "./commit-traces.ts";
