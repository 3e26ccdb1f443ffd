import { z } from "zod";
import type { Pull } from "../../../platform/github/index.ts";
import type { PullRow } from "../../../platform/store/index.ts";
import { anyJson, named, timestamp } from "../schemas.ts";
import { timeOrNull } from "../wire.ts";

const shown = {
  number: z.int(),
  title: z.string(),
  url: z.string(),
  state: z.enum(["open", "merged", "closed"]),
  branch: z.string(),
  headCommit: z.string(),
  baseCommit: z.string(),
  mergeCommit: z.string().nullable(),
  requestedBy: z.string().describe("The user who asked, also when the portal opened it for him."),
  autoMerge: z.boolean(),
  operation: z.string().nullable(),
  verdict: z.enum(["pending", "success", "failure", "error"]).describe("Of the review of this head."),
  reviewedAt: timestamp.nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
};

export const pull = named("Pull", "A pull request on the tenant repository.", z.strictObject(shown));

export const pullDetail = named(
  "PullDetail",
  "A pull request with its checks and its review.",
  z.strictObject({
    ...shown,
    mergeable: z.boolean().nullable().describe("null while the forge computes it."),
    mergeableState: z.string(),
    statuses: z.array(
      z.strictObject({
        context: z.string(),
        state: z.enum(["pending", "success", "failure", "error"]),
        description: z.string(),
      }),
    ),
    review: anyJson
      .nullable()
      .describe("Plan, price, quota, policy and preview of this head; null until it is reviewed."),
  }),
);

/** A review of another head says nothing about this one. */
export function pullToWire(pull: Pull, row: PullRow | undefined) {
  const reviewed = row?.headCommit === pull.head.sha;
  return {
    number: pull.number,
    title: pull.title,
    url: pull.url,
    state: pull.merged ? ("merged" as const) : pull.state,
    branch: pull.head.ref,
    headCommit: pull.head.sha,
    baseCommit: pull.base.sha,
    mergeCommit: pull.mergeCommit,
    requestedBy: row?.requestedBy ?? pull.author,
    autoMerge: row?.autoMerge ?? false,
    operation: row?.operation ?? null,
    verdict: (reviewed ? row.verdict : null) ?? ("pending" as const),
    reviewedAt: reviewed ? timeOrNull(row.reviewedAt) : null,
    createdAt: pull.createdAt,
    updatedAt: pull.updatedAt,
  };
}
