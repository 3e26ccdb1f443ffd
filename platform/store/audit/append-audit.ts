import type { Sql } from "../../sql/index.ts";

export type NewAuditLog = {
  readonly actor: string;
  /** The operation id of the route, for example `databases.create`. */
  readonly action: string;
  /** What it was done to, for example `shop/store/orders`. */
  readonly resource: string;
  readonly tenant: string | null;
  readonly project: string | null;
  readonly address: string | null;
  readonly userAgent: string | null;
  /** Safe to show: never a secret, never a whole body. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly result: "accepted" | "refused" | "failed";
  readonly operation: string | null;
  readonly commit: string | null;
};

export async function appendAudit(sql: Sql, entry: NewAuditLog): Promise<void> {
  await sql.query(
    `insert into audit_logs
       (actor, action, resource, tenant, project, address, user_agent, details, result, operation, commit)
     values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11)`,
    [
      entry.actor,
      entry.action,
      entry.resource,
      entry.tenant,
      entry.project,
      entry.address,
      entry.userAgent,
      JSON.stringify(entry.details),
      entry.result,
      entry.operation,
      entry.commit,
    ],
  );
}
