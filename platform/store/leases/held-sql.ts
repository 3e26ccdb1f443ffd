import { type Sql, toSql } from "../../sql/index.ts";
import type { Held } from "./while-holding.ts";

/**
 * The ledger for the holder of a lease and for nobody else: whatever is asked of it is asked in a transaction that holds the lease. Who
 * has lost it gets NEB300, and has written nothing.
 */
export function heldSql(sql: Sql, hold: Held["hold"]): Sql {
  const tx = <T>(body: (sql: Sql) => Promise<T>): Promise<T> =>
    sql.tx(async (inner) => {
      await hold(inner);
      return body(inner);
    });
  return toSql((text, params) => tx((inner) => inner.query(text, params)), tx);
}
