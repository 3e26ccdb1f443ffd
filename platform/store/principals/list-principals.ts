import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

export type PrincipalFilter = {
  /** Whose keys are always among them: one's own. */
  readonly account: string | null;
  /** Tokens and keys of service accounts in there; the keys of persons are theirs, and only "everything" shows them. */
  readonly within: Reach;
  /** Asked with a key: of its account's keys only itself and those that are no wider. null: asked without one. */
  readonly limit: KeyLimit | null;
  readonly afterId: string | null;
  readonly count: number;
};

/** What another key of the same account must stay inside of. */
export type KeyLimit = {
  readonly id: string;
  readonly tenant: string | null;
  readonly project: string | null;
  readonly database: string | null;
  readonly expiresAt: Date | null;
  /** By role, and under "" for a key without one: the scopes that such a key would have beyond this one's. */
  readonly beyond: Readonly<Record<string, readonly string[]>>;
};

/** Keys that are not revoked, by id. */
export const listPrincipals = (sql: Sql, filter: PrincipalFilter): Promise<readonly PrincipalRow[]> =>
  sql.query<PrincipalRow>(
    `select ${principalColumns} from principals p ${placed}
     where p.revoked_at is null and ${isSeen} and ($11::text is null or p.id > $11)
     order by p.id limit $12`,
    [...seenParameters(filter), filter.afterId, filter.count],
  );

/** One of them, by the same rule: whoever may not see it is told nothing, and finds that out in the same time. */
export const findPrincipalWithin = (
  sql: Sql,
  id: string,
  filter: Pick<PrincipalFilter, "account" | "within" | "limit">,
): Promise<PrincipalRow | undefined> =>
  sql.maybe<PrincipalRow>(`select ${principalColumns} from principals p ${placed} where p.id = $11 and ${isSeen}`, [
    ...seenParameters(filter),
    id,
  ]);

/** Where a key belongs: a token where it reaches, a service account's key to its tenant (and project), a person's nowhere. */
const placed = `left join service_accounts s on s.id = p.owner
  cross join lateral (select case when p.owner is null then p.tenant else s.tenant end as tenant) place`;

const isWithin = withinReach(2, { tenant: "place.tenant", stack: "place.tenant || '.' || p.project" });

/** The limit holds also where the reach is everything: a right over the platform's keys does not widen a narrow key's own. */
const isSeen = `case when p.owner = $1 then $5::text is null or p.id = $5 or (
    ($6::text is null or p.tenant = $6) and ($7::text is null or p.project = $7) and ($8::text is null or p.database = $8)
    and ($9::timestamptz is null or p.expires_at <= $9)
    and not exists (
      select from jsonb_array_elements_text(coalesce($10::jsonb -> coalesce(p.role, ''), $10::jsonb -> '')) beyond (scope)
      where p.scopes is null or beyond.scope = any (p.scopes)
    )
  ) else ${isWithin} end`;

const seenParameters = ({ account, within, limit }: Pick<PrincipalFilter, "account" | "within" | "limit">) => [
  account,
  ...reachParameters(within),
  limit?.id ?? null,
  limit?.tenant ?? null,
  limit?.project ?? null,
  limit?.database ?? null,
  limit?.expiresAt ?? null,
  JSON.stringify(limit?.beyond ?? {}),
];
