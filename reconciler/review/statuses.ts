import type { Annotation, StatusState } from "../../platform/github/index.ts";
import { type CheckName, checkNames, contextOf, type Problem, type Review } from "./types.ts";

export type Status = { readonly context: string; readonly state: StatusState; readonly description: string };

const waiting: Readonly<Record<CheckName, string>> = {
  types: "checking the types",
  plan: "planning",
  policy: "checking the fleet's policy",
  quota: "counting against the quota",
  preview: "previewing with Pulumi",
};

/** What stands there from the first moment on. */
export const pendingStatuses: readonly Status[] = checkNames.map((check) => ({
  context: contextOf(check),
  state: "pending",
  description: waiting[check],
}));

export const statusesOf = ({ checks }: Pick<Review, "checks">): readonly Status[] =>
  checkNames.map((check) => ({
    context: contextOf(check),
    state: checks[check].state,
    description: checks[check].summary,
  }));

/** Every problem at its place in the diff; a problem with the whole repository has none and stands in the comment alone. */
export const annotationsOf = ({ problems }: Pick<Review, "problems">): readonly Annotation[] =>
  problems.filter(({ line }) => line > 0).map(toAnnotation);

const toAnnotation = ({ file, line, column, code, message, hint }: Problem): Annotation => ({
  path: file,
  startLine: line,
  endLine: line,
  ...(column > 0 ? { startColumn: column, endColumn: column } : {}),
  level: "failure",
  title: `${code} at ${file}:${line}:${column}`,
  message: hint === "" ? message : `${message}\n\n${hint}`,
});
