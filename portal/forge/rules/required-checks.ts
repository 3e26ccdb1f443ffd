import type { Sql } from "../../../platform/sql/index.ts";
import type { Protection } from "./protection.ts";

export type CheckState = "expected" | "pending" | "failing" | "success";

/**
 * How the required checks of a commit stand. A required name counts commit statuses and check runs alike; when both have it,
 * both must succeed. Neutral and skipped check runs count as success. A check bound to an app counts only from that app.
 */
export async function requiredCheckStates(
  sql: Sql,
  repository: number,
  sha: string,
  protection: Protection,
): Promise<ReadonlyMap<string, CheckState>> {
  const checks = protection.requiredStatusChecks?.checks ?? [];
  if (checks.length === 0) return new Map();
  const rows = await sql.query<{ name: string; app: number | null; state: CheckState }>(
    `select * from (
       select distinct on (context) context as name, app,
         case state when 'success' then 'success' when 'pending' then 'pending' else 'failing' end as state
       from statuses where repository = $1 and sha = $2 order by context, id desc) s
     union all
     select * from (
       select distinct on (name, app) name, app,
         case when status <> 'completed' then 'pending'
              when conclusion in ('success', 'neutral', 'skipped') then 'success' else 'failing' end as state
       from check_runs where repository = $1 and head_sha = $2 order by name, app, id desc) c`,
    [repository, sha],
  );
  return new Map(
    checks.map(({ context, appId }) => {
      const found = rows.filter((row) => row.name === context && (appId === null || row.app === appId));
      const worst = (["failing", "pending", "success"] as const).find((state) =>
        found.some((row) => row.state === state),
      );
      return [context, worst ?? "expected"];
    }),
  );
}

/** GitHub's sentence about checks that have not succeeded; undefined when all have. */
export function describeMissing(states: ReadonlyMap<string, CheckState>): string | undefined {
  const missing = [...states].filter(([, state]) => state !== "success");
  const [first] = missing;
  if (first === undefined) return undefined;
  if (missing.length === 1) return `Required status check "${first[0]}" is ${first[1]}.`;
  const count = (wanted: CheckState) => missing.filter(([, state]) => state === wanted).length;
  if (count("expected") === missing.length)
    return `${missing.length} of ${states.size} required status checks are expected.`;
  const parts = (["expected", "pending", "failing"] as const).filter((state) => count(state) > 0);
  const list = parts.map((state) => `${count(state)} ${state}`).join(", ");
  return `${missing.length} of ${states.size} required status checks have not succeeded: ${list}.`;
}
