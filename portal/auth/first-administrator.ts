import type { Secret } from "../../platform/core/index.ts";
import { issueEmailToken } from "../../platform/identity/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { hasAdministrator, hasSetupToken } from "../../platform/store/index.ts";

const lifetimeSeconds = 7 * 86_400;

/**
 * The one-time token that makes the first administrator's account, while there is none and no token waits. `keep` puts it where
 * its owner finds it before it is in force. A token that was never used is replaced by a later start, a week on.
 */
export const ensureSetupToken = (sql: Sql, keep: (token: Secret) => void): Promise<Secret | undefined> =>
  sql.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb first administrator'))");
    if ((await hasAdministrator(tx)) || (await hasSetupToken(tx))) return undefined;
    const wanted = { purpose: "first-admin", email: null, userId: null, details: {}, lifetimeSeconds } as const;
    const token = await issueEmailToken(tx, wanted);
    keep(token);
    return token;
  });
