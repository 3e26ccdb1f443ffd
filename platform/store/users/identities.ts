import type { Sql } from "../../sql/index.ts";

export type LinkedIdentity = { readonly provider: string; readonly subject: string };

/** The accounts elsewhere that sign in as a user. */
export const listLinkedIdentities = (sql: Sql, userId: string): Promise<readonly LinkedIdentity[]> =>
  sql.query<LinkedIdentity>(
    "select provider, subject from user_identities where user_id = $1 order by provider, subject",
    [userId],
  );
