import type { Sql } from "../../sql/index.ts";
import type { DriftEffect } from "./findings.ts";

export type Look = {
  readonly instance: string;
  readonly stack: string;
  /** Its server was asked too. */
  readonly inspected: boolean;
  /** Why the server could not be asked although it was time; null when it could, or when it was not tried. */
  readonly problem: string | null;
  /** To be remembered where none is. */
  readonly identity: string | null;
  readonly differences: readonly {
    readonly path: string;
    readonly declared: unknown;
    readonly observed: unknown;
    readonly effect: DriftEffect;
    readonly inside: boolean;
  }[];
};

export type Recorded = {
  readonly opened: readonly { readonly instance: string; readonly path: string }[];
  readonly closed: readonly { readonly instance: string; readonly path: string }[];
};

/**
 * Notes what a pass saw, in five statements however many instances it looked at: differences are opened, seen again, or closed when
 * a look that could have seen them did not.
 */
export const recordLooks = (sql: Sql, looks: readonly Look[]): Promise<Recorded> =>
  sql.tx(async (tx) => {
    const looked = JSON.stringify(looks.map(({ differences: _, ...look }) => look));
    const found = JSON.stringify(
      looks.flatMap(({ instance, stack, differences }) => differences.map((one) => ({ ...one, instance, stack }))),
    );
    await tx.query(
      `insert into drift_checks as c (instance, looked_at, inspected_at, problem)
       select l.instance, clock_timestamp(), case when l.inspected then clock_timestamp() end, l.problem
       from jsonb_to_recordset($1::jsonb) as l (instance text, inspected boolean, problem text) order by l.instance
       on conflict (instance) do update set looked_at = excluded.looked_at,
         inspected_at = coalesce(excluded.inspected_at, c.inspected_at),
         problem = case when excluded.inspected_at is not null or excluded.problem is not null then excluded.problem
           else c.problem end`,
      [looked],
    );
    await tx.query(
      `update instances i set identity = l.identity
       from jsonb_to_recordset($1::jsonb) as l (instance text, identity text)
       where i.id = l.instance and i.identity is null and l.identity is not null`,
      [looked],
    );
    const opened = await tx.query<{ instance: string; path: string; fresh: boolean }>(
      `insert into drift_findings as f (instance, stack, path, declared, observed, effect, inside)
       select d.instance, d.stack, d.path, d.declared, d.observed, d.effect, d.inside
       from jsonb_to_recordset($1::jsonb) as d
         (instance text, stack text, path text, declared jsonb, observed jsonb, effect text, inside boolean)
       order by d.instance, d.path
       on conflict (instance, path) where closed_at is null do update set seen_at = clock_timestamp(),
         declared = excluded.declared, observed = excluded.observed, effect = excluded.effect,
         inside = f.inside and excluded.inside
       returning instance, path, xmax = 0 as fresh`,
      [found],
    );
    const closed = await tx.query<{ instance: string; path: string }>(
      `update drift_findings f set closed_at = clock_timestamp()
       from jsonb_to_recordset($1::jsonb) as l (instance text, inspected boolean)
       where f.instance = l.instance and f.closed_at is null and (l.inspected or not f.inside)
         and not exists (select from jsonb_to_recordset($2::jsonb) as d (instance text, path text)
                         where d.instance = f.instance and d.path = f.path)
       returning f.instance, f.path`,
      [looked, found],
    );
    return { opened: opened.filter(({ fresh }) => fresh).map(({ instance, path }) => ({ instance, path })), closed };
  });

/** Closes what is open of instances that nobody can look at any more, and forgets what was closed long ago. */
export async function pruneDrift(sql: Sql, keepSeconds = 30 * 86_400): Promise<void> {
  await sql.query(
    `update drift_findings f set closed_at = clock_timestamp()
     where closed_at is null and not exists (select from instances i where i.id = f.instance and i.phase <> 'Removed')
       and not exists (select from projects p, jsonb_array_elements(p.wanted_spec -> 'databases') d
                       where p.stack = f.stack and p.stack || '.' || (d ->> 'name') = f.instance)`,
  );
  await sql.query("delete from drift_findings where closed_at < clock_timestamp() - make_interval(secs => $1)", [
    keepSeconds,
  ]);
  await sql.query(
    "delete from drift_checks c where not exists (select from instances i where i.id = c.instance) and looked_at < clock_timestamp() - make_interval(secs => $1)",
    [keepSeconds],
  );
}
