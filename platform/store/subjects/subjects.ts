import { quoteIdent, type Sql } from "../../sql/index.ts";
import { type PersonalColumn, personalColumns } from "./personal-columns.ts";

type Row = Readonly<Record<string, unknown>>;
export type HeldRows = { readonly table: string; readonly column: string; readonly rows: readonly Row[] };

/** The id of a person's account, if they have one. */
export const accountOf = async (sql: Sql, person: string): Promise<string | undefined> =>
  (await sql.maybe<{ id: string }>("select id from users where email = lower($1)", [person]))?.id;

/** Every row that names a person, without what is secret in it. */
export async function readPersonal(sql: Sql, person: string): Promise<readonly HeldRows[]> {
  const user = await accountOf(sql, person);
  const held: HeldRows[] = [];
  for (const one of personalColumns) {
    const rows = await sql.query<{ row: Row }>(
      `select to_jsonb(t) as row from ${quoteIdent(one.table)} t where ${matches(one, "$1")}`,
      [wanted(one, person, user)],
    );
    if (rows.length > 0) held.push({ table: one.table, column: one.column, rows: rows.map(({ row }) => open(row)) });
  }
  return held;
}

/** Hashes, sealed text and keys are ours to keep, not the person's to be told. */
const open = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !/hash|sealed|secret|public_key|salt/.test(name)));

/**
 * Takes a person out of every row that names them. How many rows of which table that were.
 * @param pseudonym stands where the row remains.
 */
export const erasePersonal = (sql: Sql, person: string, pseudonym: string): Promise<Readonly<Record<string, number>>> =>
  sql.tx(async (tx) => {
    const user = await accountOf(tx, person);
    const counts: Record<string, number> = {};
    for (const one of personalColumns) {
      const [table, column] = [quoteIdent(one.table), quoteIdent(one.column)];
      const rows = await (one.erasure === "delete"
        ? tx.query(`delete from ${table} where ${matches(one, "$1")} returning 1`, [wanted(one, person, user)])
        : tx.query(`update ${table} set ${column} = $2 where ${matches(one, "$1")} returning 1`, [
            wanted(one, person, user),
            `(erased ${pseudonym})`,
          ]));
      if (rows.length > 0) counts[one.table] = (counts[one.table] ?? 0) + rows.length;
    }
    return counts;
  });

function matches({ column, holds }: PersonalColumn, parameter: string): string {
  const name = quoteIdent(column);
  if (holds === "user") return `${name} = ${parameter}`;
  const person = holds === "person" ? name : `substr(${name}, strpos(${name}, ':') + 1)`;
  return `lower(${person}) = lower(${parameter})`;
}

const wanted = ({ holds }: PersonalColumn, person: string, user: string | undefined): string | null =>
  holds === "user" ? (user ?? null) : person.trim();

/** Tenants whose declarations name a person: those stand in Git, where only a commit takes a name away. */
export async function declaringTenants(sql: Sql, person: string): Promise<readonly string[]> {
  const rows = await sql.query<{ tenant: string }>(
    `select distinct t ->> 'tenant' as tenant from fleets, jsonb_array_elements(tenants) t,
       jsonb_array_elements(coalesce(t -> 'members', '[]')) m
     where lower(m ->> 'user') = lower($1) order by 1`,
    [person.trim()],
  );
  return rows.map(({ tenant }) => tenant);
}
