import type { Sql } from "../../sql/index.ts";

export type DataKeyRow = {
  readonly id: string;
  /** `root`: what other secrets derive from, one for ever. `data`: seals values. */
  readonly purpose: "root" | "data";
  readonly wrapped: string;
  /** Which key-encryption key wrapped it. */
  readonly kek: string;
  readonly createdAt: Date;
  readonly activeFrom: Date;
  readonly retiredAt: Date | null;
  /** By the ledger's clock; 0 and below: it seals. */
  readonly activeInMs: number;
};

export type NewDataKey = Pick<DataKeyRow, "id" | "purpose" | "wrapped" | "kek"> & {
  /** How long after now it begins to seal. */
  readonly leadSeconds: number;
};

const columns = `id, purpose, wrapped, kek, created_at as "createdAt", active_from as "activeFrom", retired_at as "retiredAt",
  (extract(epoch from active_from - clock_timestamp()) * 1000)::float8 as "activeInMs"`;

/** Oldest first. */
export const listDataKeys = (sql: Sql): Promise<readonly DataKeyRow[]> =>
  sql.query<DataKeyRow>(`select ${columns} from data_keys order by active_from, id`);

/** Tells every process that listens on `nebula_keys`. */
export const insertDataKey = (sql: Sql, { id, purpose, wrapped, kek, leadSeconds }: NewDataKey): Promise<DataKeyRow> =>
  sql.one<DataKeyRow>(
    `insert into data_keys (id, purpose, wrapped, kek, active_from)
     values ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) returning ${columns}`,
    [id, purpose, wrapped, kek, leadSeconds],
  );

/** The same key under another wrapping. False when somebody else was first. */
export async function rewrapDataKey(
  sql: Sql,
  old: Pick<DataKeyRow, "id" | "wrapped">,
  to: Pick<DataKeyRow, "wrapped" | "kek">,
): Promise<boolean> {
  const rows = await sql.query(
    "update data_keys set wrapped = $3, kek = $4 where id = $1 and wrapped = $2 returning id",
    [old.id, old.wrapped, to.wrapped, to.kek],
  );
  return rows.length > 0;
}

/** Says of keys that seal nothing any more since when. */
export async function retireDataKeys(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.query("update data_keys set retired_at = clock_timestamp() where id = any($1) and retired_at is null", [
    ids,
  ]);
}

/** One maker of keys at a time, for the length of the transaction. */
export async function lockDataKeys(tx: Sql): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb data keys'))");
}

/** Whether an earlier release sealed something here: then its master key is the root for ever. */
export async function holdsSealedValues(sql: Sql): Promise<boolean> {
  const { held } = await sql.one<{ held: boolean }>(
    `select exists (select from repositories) or exists (select from credentials) or exists (select from instances)
       or exists (select from secrets) as held`,
  );
  return held;
}
