import type { Operation, ProjectRow } from "../../platform/store/index.ts";
import { code, plain, prose, table } from "./markdown.ts";

/** How far a merge came in one stack. */
export type StackOutcome = {
  readonly stack: string;
  /** Undefined when nothing is left of the project: all its databases were retired and its folder removed. */
  readonly project: Pick<ProjectRow, "status" | "reason" | "message"> | undefined;
  readonly operation: Pick<Operation, "id" | "state" | "createdAt" | "finishedAt"> | undefined;
};

export const outcomeMarker = "<!-- nebuladb:outcome -->";

export const isSettled = ({ project }: StackOutcome): boolean => project?.status !== "Reconciling";
export const isFailed = ({ project }: StackOutcome): boolean => project?.status === "Stalled";

/** What is told on a pull request once everything it changed has ended. Pure. */
export function renderOutcome(commit: string, outcomes: readonly StackOutcome[]): string {
  const failed = outcomes.filter(isFailed);
  const title =
    outcomes.length === 0
      ? "✅ Merged: nothing to deploy"
      : failed.length === 0
        ? "🚀 Deployed"
        : `❌ ${failed.length} of ${outcomes.length} could not be deployed`;
  const rows = outcomes.map((one) => [
    isFailed(one) ? "❌" : "✅",
    code(one.stack),
    stateOf(one),
    tookOf(one),
    one.operation === undefined ? "" : code(one.operation.id),
  ]);
  const parts = [
    `${outcomeMarker}\n### ${title}`,
    table(["", "Stack", "", "Took", "Operation"], "lllrl", rows),
    failed.length > 0 ? "What ran before goes on running. `nebula ops list` shows each attempt." : "",
    `<sub>${commit.slice(0, 7)}</sub>`,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function stateOf({ project }: StackOutcome): string {
  if (project === undefined) return "removed";
  const { status, reason, message } = project;
  return status === "Stalled" ? `**${plain(reason)}** ${prose(message)}` : plain(status);
}

const tookOf = ({ operation }: StackOutcome): string =>
  operation?.finishedAt == null
    ? ""
    : `${((operation.finishedAt.getTime() - operation.createdAt.getTime()) / 1000).toFixed(1)} s`;
