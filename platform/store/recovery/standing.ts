import type { Sql } from "../../sql/index.ts";

/** Where a ledger stands, for a backup's manifest and for the report of a restore. */
export type Standing = {
  readonly migrations: readonly string[];
  readonly projects: number;
  readonly instances: number;
  readonly operations: number;
  /** Where the audit's chain ends: what an export or a restored ledger is held against. */
  readonly audit: { readonly seq: number; readonly hash: string; readonly signature: string | null };
};

export const readStanding = (sql: Sql): Promise<Standing> =>
  sql.one<Standing>(
    `select (select coalesce(array_agg(name order by name), '{}') from migrations) as migrations,
       (select count(*)::int from projects) as projects,
       (select count(*)::int from instances where phase <> 'Removed') as instances,
       (select count(*)::int from operations) as operations,
       (select json_build_object('seq', seq, 'hash', encode(hash, 'hex'), 'signature', signature) from audit_head) as audit`,
  );
