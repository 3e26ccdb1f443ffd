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

/**
 * The one that declares a tenant, with that tenant's declaration alone; where two do, the first, as everywhere. Found by an index and read
 * in part: there may be thousands of fleets, and thousands of tenants in one.
 */
export const fleetDeclaring = (sql: Sql, tenant: string): Promise<FleetRow | undefined> =>
  sql.maybe<FleetRow>(
    `select repository, commit, inputs, fleet, problems,
       jsonb_path_query_array(tenants, '$[*] ? (@.tenant == $name)', jsonb_build_object('name', $2::text)) as tenants
     from fleets where tenants @> $1::jsonb order by repository limit 1`,
    [JSON.stringify([{ tenant }]), tenant],
  );

/** Another text when anything of what fleets declare of tenants is another. */
export const tenantsDigest = async (sql: Sql): Promise<string> =>
  (
    await sql.one<{ digest: string }>(
      "select md5(coalesce(string_agg(md5(repository || ' ' || tenants::text), '' order by repository), '')) as digest from fleets",
    )
  ).digest;

/** The only fleet there is. */
export async function onlyFleet(sql: Sql): Promise<FleetRow | "none" | "several"> {
  const [first, second] = await sql.query<FleetRow>(`select ${columns} from fleets order by repository limit 2`);
  return second !== undefined ? "several" : (first ?? "none");
}

export async function putFleet(sql: Sql, f: FleetRow): Promise<void> {
  await sql.query(
    `insert into fleets (${columns}) values ($1, $2, $3, $4::jsonb, $5::jsonb, $6::jsonb)
     on conflict (repository) do update set commit = excluded.commit, inputs = excluded.inputs, fleet = excluded.fleet,
       tenants = excluded.tenants, problems = excluded.problems`,
    [f.repository, f.commit, f.inputs, JSON.stringify(f.fleet), JSON.stringify(f.tenants), JSON.stringify(f.problems)],
  );
}
