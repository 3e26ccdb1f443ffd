import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

export type PrincipalFilter = {
  /** Whose keys are always among them: one's own. */
  readonly account: string | null;
  /** Tokens and keys of service accounts in there; the keys of persons are theirs, and only "everything" shows them. */
  readonly within: Reach;
  readonly afterId: string | null;
  readonly limit: number;
};

/** Keys that are not revoked, by id. */
export const listPrincipals = (sql: Sql, filter: PrincipalFilter): Promise<readonly PrincipalRow[]> =>
  sql.query<PrincipalRow>(
    `select ${principalColumns} from principals p ${placed}
     where p.revoked_at is null and (p.owner = $1 or ${isWithin(2)}) and ($5::text is null or p.id > $5)
     order by p.id limit $6`,
    [filter.account, ...reachParameters(filter.within), filter.afterId, filter.limit],
  );

/** One of them, by the same rule: whoever may not see it is told nothing, and finds that out in the same time. */
export const findPrincipalWithin = (
  sql: Sql,
  id: string,
  { account, within }: Pick<PrincipalFilter, "account" | "within">,
): Promise<PrincipalRow | undefined> =>
  sql.maybe<PrincipalRow>(
    `select ${principalColumns} from principals p ${placed} where p.id = $5 and (p.owner = $1 or ${isWithin(2)})`,
    [account, ...reachParameters(within), id],
  );

/** Where a key belongs: a token where it reaches, a service account's key to its tenant (and project), a person's nowhere. */
const placed = `left join service_accounts s on s.id = p.owner
  cross join lateral (select case when p.owner is null then p.tenant else s.tenant end as tenant) place`;

const isWithin = (first: number) =>
  withinReach(first, { tenant: "place.tenant", stack: "place.tenant || '.' || p.project" });
