import { type DeclarationProblem, type ProjectSpec, stackName } from "../../spec/index.ts";
import { notify, type Sql } from "../../sql/index.ts";
import type { ProjectStatus } from "./project.ts";

/** What Git wants of a project as of a commit. */
export type Wanted = {
  readonly tenant: string;
  readonly project: string;
  readonly repository: string;
  readonly commit: string;
  readonly tree: string;
  /** A deployment is queued, runs, or broke off after the last good one: what runs is not known to be what was applied. */
  readonly unsettled: boolean;
  /** Reviewed plans that brought this text; they join those that are not applied yet. null (default): not asked for. */
  readonly reviews?: readonly unknown[] | null;
} & (
  | { readonly kind: "spec"; readonly spec: ProjectSpec; readonly hash: string }
  /** Refused: the spec that was wanted before stays, nothing is queued from this text. */
  | {
      readonly kind: "refused";
      readonly reason: string;
      readonly message: string;
      readonly problems: readonly DeclarationProblem[];
    }
);

/**
 * Records what Git wants. A spec equal to what runs keeps a project Ready, another one makes it Reconciling; a refused text
 * makes it Stalled and leaves the last good spec in place. Answers whether there is something to deploy.
 */
export async function recordWanted(sql: Sql, wanted: Wanted): Promise<{ readonly deploy: boolean }> {
  const spec = wanted.kind === "spec" ? wanted : undefined;
  const refused = wanted.kind === "refused" ? wanted : undefined;
  const row = await sql.one<{ deploy: boolean; stack: string }>(
    `insert into projects as p (stack, tenant, project, repository, wanted_commit, wanted_tree, wanted_spec,
       wanted_hash, status, reason, message, problems, wanted_reviews)
     values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12::jsonb, $14::jsonb)
     on conflict (stack) do update set repository = excluded.repository, wanted_commit = excluded.wanted_commit,
       wanted_tree = excluded.wanted_tree,
       wanted_spec = coalesce(excluded.wanted_spec, p.wanted_spec),
       wanted_hash = coalesce(excluded.wanted_hash, p.wanted_hash),
       status = case when excluded.wanted_hash = p.applied_hash and not $13 then
         case when p.reason in ('Migrating', 'MigrationFailed') then p.status else 'Ready' end else excluded.status end,
       reason = case when excluded.wanted_hash = p.applied_hash and not $13 then
         case when p.reason in ('Migrating', 'MigrationFailed') then p.reason else 'Applied' end else excluded.reason end,
       message = case when excluded.wanted_hash = p.applied_hash and not $13 and p.reason in ('Migrating', 'MigrationFailed')
         then p.message else excluded.message end, problems = excluded.problems, updated_at = now(),
       wanted_reviews = case
         when excluded.wanted_hash = p.applied_hash and not $13 then '[]'
         when excluded.wanted_reviews is null then null
         when p.wanted_reviews is null and p.wanted_hash is distinct from p.applied_hash then null
         else coalesce(p.wanted_reviews, '[]') || excluded.wanted_reviews end
     returning stack, ($8::text is not null and ($13 or applied_hash is distinct from $8)) as deploy`,
    [
      stackName(wanted.tenant, wanted.project),
      wanted.tenant,
      wanted.project,
      wanted.repository,
      wanted.commit,
      wanted.tree,
      spec === undefined ? null : JSON.stringify(spec.spec),
      spec?.hash ?? null,
      spec === undefined ? "Stalled" : "Reconciling",
      refused?.reason ?? "Queued",
      refused?.message ?? "",
      JSON.stringify(refused?.problems ?? []),
      wanted.unsettled,
      wanted.reviews == null ? null : JSON.stringify(wanted.reviews),
    ],
  );
  await notify(sql, "nebula_projects", row.stack);
  return { deploy: row.deploy };
}

/** Sets a status as it is; endings of deployments go through `recordEnding`. */
export async function recordStatus(
  sql: Sql,
  stack: string,
  status: { readonly status: ProjectStatus; readonly reason: string; readonly message?: string },
): Promise<void> {
  await sql.query(
    `update projects set status = $2, reason = $3, message = $4, updated_at = now()
     where stack = $1 and (status, reason, message) is distinct from ($2, $3, $4)`,
    [stack, status.status, status.reason, status.message ?? ""],
  );
  await notify(sql, "nebula_projects", stack);
}

/**
 * What runs now. Together with the operation's ending, in one transaction. The reviews that led to it have done their part, and so
 * have the approvals: a later deployment needs its own.
 */
export async function recordApplied(
  sql: Sql,
  stack: string,
  applied: { readonly commit: string; readonly spec: ProjectSpec; readonly hash: string },
): Promise<void> {
  await sql.query(
    `with used as (update approvals set applied_at = clock_timestamp() where stack = $1 and applied_at is null)
     update projects set applied_commit = $2, applied_spec = $3::jsonb, applied_hash = $4, updated_at = now(),
       wanted_reviews = case when wanted_reviews is null then null when wanted_hash = $4 then '[]' else (
         select coalesce(jsonb_agg(review order by at), '[]')
         from jsonb_array_elements(wanted_reviews) with ordinality as later (review, at)
         where at > coalesce((select max(place) from jsonb_array_elements(wanted_reviews) with ordinality as done (one, place)
                              where one ->> 'wanted' = $4), 0)) end
     where stack = $1`,
    [stack, applied.commit, JSON.stringify(applied.spec), applied.hash],
  );
}

/** Forgets a project that has nothing left: its folder is gone and all its databases were retired and removed. */
export async function deleteProject(sql: Sql, stack: string): Promise<void> {
  await sql.query("delete from projects where stack = $1", [stack]);
}
