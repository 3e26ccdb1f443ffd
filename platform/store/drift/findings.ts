import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";

export const driftEffects = ["in place", "restart", "by hand"] as const;
/** What healing does to who uses the database; `by hand`: nothing of ours may decide it. */
export type DriftEffect = (typeof driftEffects)[number];

export type DriftFinding = {
  readonly id: number;
  readonly instance: string;
  readonly stack: string;
  readonly path: string;
  readonly declared: unknown;
  readonly observed: unknown;
  readonly effect: DriftEffect;
  /** Only a look inside the server sees it. */
  readonly inside: boolean;
  readonly openedAt: Date;
  readonly seenAt: Date;
  readonly closedAt: Date | null;
  readonly healOperation: string | null;
  readonly healAt: Date | null;
};

const columns = `id, instance, stack, path, declared, observed, effect, inside, opened_at as "openedAt", seen_at as "seenAt",
  closed_at as "closedAt", heal_operation as "healOperation", heal_at as "healAt"`;

export type DriftFilter = {
  readonly within?: Reach;
  readonly stack?: string | null;
  readonly instance?: string | null;
  readonly state?: "open" | "closed" | "all";
  readonly beforeId?: number | null;
  readonly limit?: number;
};

/** Newest first. */
export const listDriftFindings = (sql: Sql, f: DriftFilter = {}): Promise<readonly DriftFinding[]> =>
  sql.query<DriftFinding>(
    `select ${columns} from drift_findings
     where ($1::text is null or stack = $1) and ($2::text is null or instance = $2)
       and ($3 = 'all' or ($3 = 'open') = (closed_at is null)) and ($4::bigint is null or id < $4)
       and ${withinReach(6, { tenant: "split_part(stack, '.', 1)", stack: "stack", database: "instance" })}
     order by id desc limit $5`,
    [
      ...[f.stack ?? null, f.instance ?? null, f.state ?? "open", f.beforeId ?? null, f.limit ?? 1000],
      ...reachParameters(f.within),
    ],
  );

/** How many differences are open now, by what healing them takes. */
export const countDrift = (sql: Sql): Promise<readonly { readonly effect: DriftEffect; readonly open: number }[]> =>
  sql.query(
    `select effect, count(*)::int as open from drift_findings where closed_at is null group by effect order by effect`,
  );

export type DriftCheck = {
  readonly lookedAt: Date | null;
  readonly inspectedAt: Date | null;
  readonly problem: string | null;
};

export const getDriftCheck = (sql: Sql, instance: string): Promise<DriftCheck | undefined> =>
  sql.maybe<DriftCheck>(
    `select looked_at as "lookedAt", inspected_at as "inspectedAt", problem from drift_checks where instance = $1`,
    [instance],
  );
