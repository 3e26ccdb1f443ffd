import type { Sql } from "../../sql/index.ts";

export type SealedCredential = { readonly role: string; readonly passwordSealed: string; readonly version: number };

/** The vault context of a role's password: a row moved to another owner does not open. */
export const credentialContext = (instance: string, role: string): string => `credential:${instance}:${role}`;
/** The vault context of a tenant's own secret. */
export const secretContext = (tenant: string, name: string): string => `secret:${tenant}:${name}`;

export const listCredentials = (sql: Sql, instance: string): Promise<readonly SealedCredential[]> =>
  sql.query<SealedCredential>(
    `select role, password_sealed as "passwordSealed", version from credentials where instance = $1 order by role`,
    [instance],
  );

/** Keeps a password; one that stands there already wins and is returned, so that two writers agree. */
export async function keepCredential(sql: Sql, instance: string, role: string, sealed: string): Promise<string> {
  const { kept } = await sql.one<{ kept: string }>(
    `insert into credentials (instance, role, password_sealed) values ($1, $2, $3)
     on conflict (instance, role) do update set password_sealed = credentials.password_sealed
     returning password_sealed as kept`,
    [instance, role, sealed],
  );
  return kept;
}

/** Replaces a password; its version grows. */
export async function replaceCredential(sql: Sql, instance: string, role: string, sealed: string): Promise<void> {
  await sql.query(
    `insert into credentials (instance, role, password_sealed) values ($1, $2, $3)
     on conflict (instance, role) do update set password_sealed = excluded.password_sealed,
       version = credentials.version + 1, created_at = now()`,
    [instance, role, sealed],
  );
}

/** Forgets the passwords of roles that are not in `keep`; all of them when it is empty. */
export async function dropCredentials(sql: Sql, instance: string, keep: readonly string[] = []): Promise<void> {
  await sql.query("delete from credentials where instance = $1 and role <> all($2)", [instance, keep]);
}
