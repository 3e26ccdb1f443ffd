import { z } from "zod";
import type { Sql } from "../../../platform/sql/index.ts";

/** A branch's rules, as they are kept. What GitHub has beyond them is refused when it is asked for, never ignored. */
export type Protection = {
  readonly requiredStatusChecks: {
    readonly strict: boolean;
    /** appId null: anybody may set it. */
    readonly checks: readonly { readonly context: string; readonly appId: number | null }[];
  } | null;
  readonly requiredReviews: {
    readonly approvals: number;
    readonly dismissStale: boolean;
    readonly codeOwners: boolean;
    readonly lastPushApproval: boolean;
  } | null;
  readonly enforceAdmins: boolean;
  readonly linearHistory: boolean;
  readonly allowForcePushes: boolean;
  readonly allowDeletions: boolean;
  readonly lockBranch: boolean;
};

const check = z.object({ context: z.string().min(1), app_id: z.number().int().nullish() });

/** The body of `PUT /branches/{branch}/protection`. */
export const protectionBody = z
  .object({
    required_status_checks: z
      .object({
        strict: z.boolean().default(false),
        contexts: z.array(z.string().min(1)).default([]),
        checks: z.array(check).default([]),
      })
      .nullable(),
    enforce_admins: z.boolean().nullable(),
    required_pull_request_reviews: z
      .object({
        required_approving_review_count: z.number().int().min(0).max(6).default(1),
        dismiss_stale_reviews: z.boolean().default(false),
        require_code_owner_reviews: z.literal(false).default(false),
        require_last_push_approval: z.boolean().default(false),
      })
      .nullable(),
    restrictions: z.null(),
    required_linear_history: z.boolean().default(false),
    allow_force_pushes: z.boolean().nullable().default(false),
    allow_deletions: z.boolean().default(false),
    block_creations: z.literal(false).default(false),
    required_conversation_resolution: z.literal(false).default(false),
    lock_branch: z.boolean().default(false),
    allow_fork_syncing: z.boolean().default(false),
  })
  .transform((body): Protection => {
    const { required_status_checks: statuses, required_pull_request_reviews: reviews } = body;
    const named = new Set(statuses?.checks.map(({ context }) => context));
    const contexts = statuses?.contexts.filter((context) => !named.has(context)) ?? [];
    return {
      requiredStatusChecks: statuses && {
        strict: statuses.strict,
        checks: [
          ...statuses.checks.map(({ context, app_id }) => ({ context, appId: app_id && app_id > 0 ? app_id : null })),
          ...contexts.map((context) => ({ context, appId: null })),
        ],
      },
      requiredReviews: reviews && {
        approvals: reviews.required_approving_review_count,
        dismissStale: reviews.dismiss_stale_reviews,
        codeOwners: false,
        lastPushApproval: reviews.require_last_push_approval,
      },
      enforceAdmins: body.enforce_admins ?? false,
      linearHistory: body.required_linear_history,
      allowForcePushes: body.allow_force_pushes ?? false,
      allowDeletions: body.allow_deletions,
      lockBranch: body.lock_branch,
    };
  });

export async function findProtection(sql: Sql, repository: number, branch: string): Promise<Protection | undefined> {
  const row = await sql.maybe<{ settings: Protection }>(
    "select settings from protections where repository = $1 and branch = $2",
    [repository, branch],
  );
  return row?.settings;
}

export async function listProtections(sql: Sql, repository: number): Promise<Map<string, Protection>> {
  const rows = await sql.query<{ branch: string; settings: Protection }>(
    "select branch, settings from protections where repository = $1",
    [repository],
  );
  return new Map(rows.map(({ branch, settings }) => [branch, settings]));
}

export async function putProtection(sql: Sql, repository: number, branch: string, settings: Protection): Promise<void> {
  await sql.query(
    `insert into protections (repository, branch, settings) values ($1, $2, $3)
     on conflict (repository, branch) do update set settings = excluded.settings`,
    [repository, branch, JSON.stringify(settings)],
  );
}

export const deleteProtection = async (sql: Sql, repository: number, branch: string): Promise<boolean> =>
  (await sql.query("delete from protections where repository = $1 and branch = $2 returning 1", [repository, branch]))
    .length > 0;
