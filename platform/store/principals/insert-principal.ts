import type { Sql } from "../../sql/index.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

export type NewPrincipal = Pick<
  PrincipalRow,
  "id" | "name" | "secretHash" | "userName" | "role" | "tenant" | "project" | "expiresAt"
>;

/** @throws NEB911 when the id is taken, which 80 random bits make a defect. */
export const insertPrincipal = (sql: Sql, p: NewPrincipal): Promise<PrincipalRow> =>
  sql.one<PrincipalRow>(
    `insert into principals (id, name, secret_hash, user_name, role, tenant, project, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     returning ${principalColumns}`,
    [p.id, p.name, p.secretHash, p.userName, p.role, p.tenant, p.project, p.expiresAt],
  );
