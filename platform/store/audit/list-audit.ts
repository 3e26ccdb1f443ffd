import type { Sql } from "../../sql/index.ts";
import type { NewAuditLog } from "./append-audit.ts";

export type AuditLog = NewAuditLog & { readonly id: number; readonly at: Date };

export type AuditFilter = {
  readonly tenant: string | null;
  readonly project: string | null;
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
     where ($1::text is null or tenant = $1)
       and ($2::text is null or project = $2)
       and ($3::text is null or actor = $3)
       and ($4::text is null or action = $4)
       and ($5::bigint is null or id < $5)
     order by id desc limit $6`,
    [f.tenant, f.project, f.actor, f.action, f.beforeId, f.limit],
  );
