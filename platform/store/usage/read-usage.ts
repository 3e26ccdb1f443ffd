import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import { windowsOf } from "./windows.ts";

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

export type UsageRecord = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  /** Decimal text in the meter's unit. */
  readonly quantity: string;
  readonly source: string;
  /** 0: the window is still open and its quantity grows. */
  readonly revision: number;
  /** Whose declarations caused it, sorted. */
  readonly commits: readonly string[];
};

/** Place in the order of `listUsage`: the key of the last record of a page. */
export type UsageCursor = Pick<UsageRecord, "tenant" | "project" | "database" | "meter" | "windowStart">;

/** What a database used of a meter in the whole span. */
export type UsageSum = Omit<UsageRecord, "revision" | "source"> & { readonly records: number };

/**
 * Records by window, database and meter, the hours that are still open included. Records come in order from an index and only a
 * page of them is read: by window for the whole installation, by tenant and window for one (usage_records_by_tenant).
 */
export const listUsage = (
  sql: Sql,
  filter: UsageFilter,
  { after, limit = 1000 }: { readonly after?: UsageCursor; readonly limit?: number } = {},
): Promise<readonly UsageRecord[]> =>
  sql.query(
    `with ${openHours}
     select tenant, project, database, meter, window_start as "windowStart", window_end as "windowEnd",
            trim_scale(quantity)::text as quantity, source, revision, commits
     from (
       (select ${columns} from usage_records
        where window_start >= $5 and window_start >= coalesce($11::timestamptz, '-infinity') and window_start < $6
          and ${asked} and ${afterCursor} order by ${order} limit $16)
       union all
       select ${columns} from open where ${asked} and ${afterCursor}
     ) usage
     order by ${order} limit $16`,
    [
      ...parameters(filter),
      after?.windowStart ?? null,
      after?.tenant ?? null,
      after?.project ?? null,
      after?.database ?? null,
      after?.meter ?? null,
      limit,
    ],
  );

/**
 * One row a database and meter: exact sums, ready to be rated. `windowStart` and `windowEnd` span what was used. Hours with
 * the same commits are summed first: there are few such sets, and joining them is what costs.
 */
export const sumUsage = (sql: Sql, filter: UsageFilter): Promise<readonly UsageSum[]> =>
  sql.query(
    `with ${openHours}
     select tenant, project, database, meter, min(first) as "windowStart", max(last) as "windowEnd",
            trim_scale(sum(quantity))::text as quantity, sum(records) as records,
            array(select distinct commit from unnest(string_to_array(string_agg(array_to_string(commits, ','), ','), ','))
                  as commit where commit <> '' order by commit) as commits
     from (
       select tenant, project, database, meter, commits, min(window_start) as first, max(window_end) as last,
              sum(quantity) as quantity, count(*) as records
       from (
         select ${columns} from usage_records where window_start >= $5 and window_start < $6 and ${asked}
         union all
         select ${columns} from open where ${asked}
       ) usage group by tenant, project, database, meter, commits
     ) by_commits
     group by tenant, project, database, meter order by tenant, project, database, meter`,
    parameters(filter),
  );

/**
 * Of the samples what has no record yet. They are read from the last rolled-up hour on; "now" bounds it, so that a record of a
 * clock that was wrong does not hide the present.
 */
const openHours = `
  rolled as (
    select coalesce(max(window_start), '-infinity') as last from usage_records where window_start <= now() + interval '1 day'
  ), open as (
    select o.*, 'sampled' as source, 0 as revision
    from (${windowsOf(
      "greatest($5::timestamptz, (select last from rolled))",
      "$6::timestamptz",
      "($10::text is null or instance like $10)",
    )}) o
    where not exists (
      select from usage_records r where r.tenant = o.tenant and r.project = o.project and r.database = o.database
        and r.meter = o.meter and r.window_start = o.window_start
    )
  )`;
const columns = "tenant, project, database, meter, window_start, window_end, quantity, source, revision, commits";
const order = "window_start, tenant, project, database, meter";
const asked = `($1::text is null or tenant = $1) and ($2::text is null or project = $2)
    and ($3::text is null or database = $3) and ($4::text is null or meter = $4)
    and ${withinReach(7, { tenant: "tenant", stack: "tenant || '.' || project", database: "tenant || '.' || project || '.' || database" })}`;
const afterCursor = `($11::timestamptz is null or (${order}) > ($11, $12::text, $13::text, $14::text, $15::text))`;

function parameters(filter: UsageFilter): unknown[] {
  const { tenant, project, database, meter, fromMs, toMs, within } = asOne(filter);
  return [
    tenant ?? null,
    project ?? null,
    database ?? null,
    meter ?? null,
    new Date(fromMs),
    new Date(toMs),
    ...reachParameters(within),
    tenant === undefined
      ? null
      : `${[tenant, project, project && database].filter(Boolean).join(".")}${project && database ? "" : ".%"}`,
  ];
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
