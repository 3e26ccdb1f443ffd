import type { DeclarationProblem, FleetSpec, TenantSpec } from "../../spec/index.ts";
import type { Sql } from "../../sql/index.ts";

/** fleet/ and every tenant.ts of a repository, as in force: the newest text that evaluates. */
export type FleetRow = {
  readonly repository: string;
  readonly commit: string;
  /** Hash of the files it was read from; equal inputs need no evaluation. */
  readonly inputs: string;
  readonly fleet: FleetSpec;
  readonly tenants: readonly TenantSpec[];
  /** Why a newer text is not in force. Empty when it is. */
  readonly problems: readonly DeclarationProblem[];
};

const columns = "repository, commit, inputs, fleet, tenants, problems";

export const getFleet = (sql: Sql, repository: string): Promise<FleetRow | undefined> =>
  sql.maybe<FleetRow>(`select ${columns} from fleets where repository = $1`, [repository]);

export const listFleets = (sql: Sql): Promise<readonly FleetRow[]> =>
  sql.query<FleetRow>(`select ${columns} from fleets order by repository`);

export async function putFleet(sql: Sql, f: FleetRow): Promise<void> {
  await sql.query(
    `insert into fleets (${columns}) values ($1, $2, $3, $4::jsonb, $5::jsonb, $6::jsonb)
     on conflict (repository) do update set commit = excluded.commit, inputs = excluded.inputs, fleet = excluded.fleet,
       tenants = excluded.tenants, problems = excluded.problems`,
    [f.repository, f.commit, f.inputs, JSON.stringify(f.fleet), JSON.stringify(f.tenants), JSON.stringify(f.problems)],
  );
}
