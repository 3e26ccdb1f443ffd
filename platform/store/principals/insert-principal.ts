import type { Sql } from "../../sql/index.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

export type NewPrincipal = Omit<PrincipalRow, "createdAt" | "lastUsedAt" | "revokedAt" | "successor">;

/** @throws NEB911 when the id is taken, which 80 random bits make a defect. */
export const insertPrincipal = (sql: Sql, p: NewPrincipal): Promise<PrincipalRow> =>
  sql.one<PrincipalRow>(
    `insert into principals as p (id, name, secret_hash, user_name, owner, role, tenant, project, database, scopes, made_by,
                                  expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     returning ${principalColumns}`,
    [
      p.id,
      p.name,
      p.secretHash,
      p.userName,
      p.owner,
      p.role,
      p.tenant,
      p.project,
      p.database,
      p.scopes,
      p.madeBy,
      p.expiresAt,
    ],
  );
