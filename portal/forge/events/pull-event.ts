import type { Sql } from "../../../platform/sql/index.ts";
import type { Context } from "../context.ts";
import { pullDetails } from "../rules/mergeability.ts";
import { type Account, readAccounts } from "../store/accounts.ts";
import type { Pull } from "../store/pulls.ts";
import type { Repository } from "../store/repositories.ts";
import { fullPullToWire } from "../wire/pull.ts";
import type { ForgeEvent } from "./emit.ts";

export type PullAction =
  | "opened"
  | "synchronize"
  | "closed"
  | "reopened"
  | "edited"
  | "ready_for_review"
  | "converted_to_draft";

export function pullEvent(
  context: Context,
  repository: Repository,
  pull: Pull,
  sender: Account,
  action: PullAction,
  extra: Readonly<Record<string, unknown>> = {},
): ForgeEvent {
  return {
    name: "pull_request",
    action,
    repository,
    sender,
    build: async (sql: Sql) => {
      const [accounts, details] = await Promise.all([
        readAccounts(sql, [pull.authorId, pull.mergedById]),
        pullDetails(context, sql, repository, pull),
      ]);
      const wire = fullPullToWire(context.urls, repository, pull, accounts, details);
      return { number: pull.number, pull_request: wire, ...extra };
    },
  };
}
