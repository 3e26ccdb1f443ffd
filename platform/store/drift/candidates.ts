import type { DatabaseId, DatabaseSpec } from "../../spec/index.ts";
import type { Sql } from "../../sql/index.ts";
import type { InstancePhase } from "../instances/instance.ts";

/** A database that can be looked at, as one moment of the ledger knows it. */
export type DriftCandidate = {
  readonly id: DatabaseId;
  readonly stack: string;
  readonly database: string;
  /** What the ledger has of it; null for a database that is declared and was never made or is gone. */
  readonly made: {
    readonly phase: InstancePhase;
    readonly identity: string | null;
    readonly spec: DatabaseSpec;
  } | null;
  /** As the text in force declares it; null when nobody does. */
  readonly declared: DatabaseSpec | null;
  /** What is wanted is what was applied: only then is the text the measure, else what was last brought about is. */
  readonly settled: boolean;
  /** Of the stack's lease; whoever works there raises it. */
  readonly fence: number;
  readonly version: number;
  readonly policy: "heal" | "report";
  /** It was never looked into, or longer ago than the period, or it was deployed since. */
  readonly inspectedAt: Date | null;
  readonly stale: boolean;
};

const columns = `c.id, c.stack, c.database, c.made, c.declared, c.settled, c.fence, c.version, c.policy,
  c.inspected_at as "inspectedAt", c.stale`;

/**
 * Every database of the local placement that stands still: nobody holds its stack's lease, no deployment waits. By id.
 * `version` changes with every write of its row, so that a look at a machine can be tied to what the ledger said.
 */
export const listDriftCandidates = (
  sql: Sql,
  {
    ids = null,
    periodSeconds = 600,
  }: { readonly ids?: readonly string[] | null; readonly periodSeconds?: number } = {},
): Promise<readonly DriftCandidate[]> =>
  sql.query<DriftCandidate>(
    `with busy as (
       select stack from stacks where operation is not null
       union select stack from operations where state = 'QUEUED' and type in ('DEPLOY', 'DESTROY')
     ), known as (
       select p.stack, p.wanted_hash is not null and p.wanted_hash = p.applied_hash as settled, p.wanted_spec,
         coalesce(f.fleet #>> '{policies,drift}', 'report') as policy
       from projects p left join fleets f on f.repository = p.repository
     ), wanted as (
       select k.stack, d ->> 'name' as database, d as declared
       from known k, jsonb_array_elements(k.wanted_spec -> 'databases') d
       where k.settled and coalesce(k.wanted_spec ->> 'placement', 'local') = 'local'
     ), made as (
       select i.id, i.stack, i.database, i.updated_at,
         jsonb_build_object('phase', i.phase, 'identity', i.identity, 'spec', i.spec) as made
       from instances i where i.placement = 'local' and i.phase not in ('Creating', 'Removed')
     ), c as (
       select coalesce(m.id, w.stack || '.' || w.database) as id, coalesce(m.stack, w.stack) as stack,
         coalesce(m.database, w.database) as database, m.made, w.declared, coalesce(k.settled, false) as settled,
         coalesce(s.fence, 0) as fence, coalesce((extract(epoch from m.updated_at) * 1000000)::bigint, 0)::float8 as version,
         coalesce(k.policy, 'report') as policy, x.inspected_at,
         x.inspected_at is null or x.inspected_at < clock_timestamp() - make_interval(secs => $2)
           or x.inspected_at < m.updated_at as stale
       from made m
         full join wanted w on w.stack = m.stack and w.database = m.database
         left join known k on k.stack = coalesce(m.stack, w.stack)
         left join stacks s on s.stack = coalesce(m.stack, w.stack)
         left join drift_checks x on x.instance = coalesce(m.id, w.stack || '.' || w.database)
     )
     select ${columns} from c
     where c.stack not in (select stack from busy) and coalesce(c.made ->> 'phase', '') <> 'Expired'
       and c.made #>> '{spec,branch,pull}' is null and ($1::text[] is null or c.id = any($1))
     order by c.id`,
    [ids, periodSeconds],
  );
