import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import type { NewAuditLog } from "./append-audit.ts";

export type AuditLog = NewAuditLog & { readonly id: number; readonly at: Date };

export type AuditFilter = {
  readonly within: Reach;
  readonly actor: string | null;
  readonly action: string | null;
  readonly beforeId: number | null;
  readonly limit: number;
};

/** Newest first. */
export const listAudit = (sql: Sql, f: AuditFilter): Promise<readonly AuditLog[]> =>
  sql.query<AuditLog>(
    `select id, at, actor, action, resource, tenant, project, address, user_agent as "userAgent", details, result,
            operation, commit
     from audit_logs
     where ${withinReach(1, { tenant: "tenant", stack: "tenant || '.' || project" })}
       and ($4::text is null or actor = $4)
       and ($5::text is null or action = $5)
       and ($6::bigint is null or id < $6)
     order by id desc limit $7`,
    [...reachParameters(f.within), f.actor, f.action, f.beforeId, f.limit],
  );
