import type { Asking } from "../compute/index.ts";
import type { Secret } from "../core/index.ts";
import { makeVerifier, quoteIdent, quoteLiteral } from "../sql/index.ts";

export type Names = { readonly databaseName: string; readonly ownerRole: string };

/**
 * Makes somebody's cluster another's, in a server that nobody else reaches: names, the administrator's password, and no password of
 * any role that its former owner knows. Those that are wanted get new ones by `ensure`.
 */
export async function handOver(
  as: (database: string) => Asking,
  { from, to, adminPassword }: { readonly from: Names; readonly to: Names; readonly adminPassword: Secret },
): Promise<void> {
  const verifier = quoteLiteral(await makeVerifier(adminPassword));
  await as("postgres")((sql) =>
    sql.tx(async (tx) => {
      const logins = await tx.query<{ name: string }>(
        "select rolname as name from pg_authid where rolpassword is not null and rolname <> current_user",
      );
      for (const { name } of logins) await tx.query(`alter role ${quoteIdent(name)} password null`);
      if (from.ownerRole !== to.ownerRole)
        await tx.query(`alter role ${quoteIdent(from.ownerRole)} rename to ${quoteIdent(to.ownerRole)}`);
      if (from.databaseName !== to.databaseName)
        await tx.query(`alter database ${quoteIdent(from.databaseName)} rename to ${quoteIdent(to.databaseName)}`);
      await tx.query(`alter role nebula_admin password ${verifier}`);
    }),
  );
}
