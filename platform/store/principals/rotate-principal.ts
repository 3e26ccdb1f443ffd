import type { Sql } from "../../sql/index.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

/** The successor takes over; the old key lives on for the overlap. undefined when it was rotated, revoked or has expired. */
export const supersedePrincipal = (
  sql: Sql,
  id: string,
  successor: string,
  overlapSeconds: number,
): Promise<PrincipalRow | undefined> =>
  sql.maybe<PrincipalRow>(
    `update principals as p
     set successor = $2, expires_at = least(p.expires_at, now() + make_interval(secs => $3))
     where p.id = $1 and p.successor is null and p.revoked_at is null and (p.expires_at is null or p.expires_at > now())
     returning ${principalColumns}`,
    [id, successor, overlapSeconds],
  );
