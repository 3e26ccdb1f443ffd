import { type Reach, reachParameters, withinReach } from "../reach.ts";

export type UsageFilter = {
  /** Default: everything. */
  readonly within?: Reach;
  readonly tenant?: string;
  readonly project?: string;
  readonly database?: string;
  readonly meter?: string;
  /** Start of the first window, and start of the first window that is left out. Whole hours. */
  readonly fromMs: number;
  readonly toMs: number;
};

/** The condition over `askedFor`'s parameters $1 to $7, for rows that name tenant, project, database and meter. */
export const asked = `($1::text is null or tenant = $1) and ($2::text is null or project = $2)
    and ($3::text is null or database = $3) and ($4::text is null or meter = $4)
    and ${withinReach(5, { tenant: "tenant", stack: "tenant || '.' || project", database: "tenant || '.' || project || '.' || database" })}`;

/** The names of what has an instance's whole name. Of `usage_pending` they compare byte by byte; those of records do not. */
export const placed = `split_part(instance, '.', 1) collate "default" as tenant,
    split_part(instance, '.', 2) collate "default" as project, split_part(instance, '.', 3) collate "default" as database`;

/** Rows of `usage_pending` of a span, by an index, those of one tenant too; names as records have them. `$first`: of `withinNames`. */
export const waiting = (first: number): string => `(
    select hour as window_start, ${placed}, meter collate "default" as meter, commits, amount, grain, source from usage_pending
    where hour >= $8 and hour < $9 and instance >= $${first}::text and instance < $${first + 1}::text) waiting`;

/** The first name of what is asked for, and the first after it: a name's parts are of a-z, 0-9 and `-`. */
export function withinNames(filter: UsageFilter): readonly [string, string] {
  const { tenant, project, database } = asOne(filter);
  if (tenant === undefined) return ["", "~"];
  if (project === undefined) return [`${tenant}.`, `${tenant}/`];
  const stack = `${tenant}.${project}`;
  return database === undefined ? [`${stack}.`, `${stack}/`] : [`${stack}.${database}`, `${stack}.${database}!`];
}

/** Parameters $1 to $7: whose and what. When is the statement's own. */
export function askedFor(filter: UsageFilter): readonly unknown[] {
  const { tenant, project, database, meter, within } = asOne(filter);
  return [tenant ?? null, project ?? null, database ?? null, meter ?? null, ...reachParameters(within)];
}

/** A reach of one part is a filter: an index can look for it. One that contradicts the filter finds nothing, as it should. */
function asOne(filter: UsageFilter): UsageFilter {
  const { within } = filter;
  if (within === undefined || within === "everything" || within.length !== 1) return filter;
  const [part] = within;
  if (part === undefined) return filter;
  const asks = { tenant: part.tenant, project: part.project, database: part.database };
  const fits = (["tenant", "project", "database"] as const).every(
    (key) => asks[key] === null || filter[key] === undefined || filter[key] === asks[key],
  );
  if (!fits) return filter;
  const { within: _, ...rest } = filter;
  return { ...rest, ...Object.fromEntries(Object.entries(asks).filter(([, value]) => value !== null)) };
}
