import { z } from "zod";
import type { Sql } from "../../sql/index.ts";

/** A key of the vault as it stands in the ledger: wrapped, so worth nothing without the key-encryption key that `kek` names. */
const wrappedKey = z.strictObject({
  id: z.string(),
  purpose: z.enum(["root", "data"]),
  wrapped: z.string(),
  kek: z.string(),
  createdAt: z.string(),
  activeFrom: z.string(),
  retiredAt: z.string().nullable(),
});
export type WrappedKey = z.infer<typeof wrappedKey>;

/** Of the file that keeps them beside the ledger. */
export const wrappedKeys = z.array(wrappedKey);

/** Puts kept keys into a ledger that has none yet. False when it has keys of its own: those are never replaced. */
export const putWrappedKeys = (owner: Sql, keys: readonly WrappedKey[]): Promise<boolean> =>
  owner.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb data keys'))");
    if ((await tx.maybe("select 1 from data_keys limit 1")) !== undefined) return false;
    await tx.query(
      `insert into data_keys (id, purpose, wrapped, kek, created_at, active_from, retired_at)
       select id, purpose, wrapped, kek, "createdAt", "activeFrom", "retiredAt" from jsonb_to_recordset($1::jsonb)
         as k (id text, purpose text, wrapped text, kek text, "createdAt" timestamptz, "activeFrom" timestamptz, "retiredAt" timestamptz)`,
      [JSON.stringify(keys)],
    );
    return true;
  });
