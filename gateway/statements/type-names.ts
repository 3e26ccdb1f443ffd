/** What a column's type is called. Those that Postgres brings are asked for once in a process; a tenant's own may change, and are not kept. */
import type { Field, StatementSession } from "../../platform/sql/index.ts";
import type { Column } from "./types.ts";

/** From here on oids are a database's own. */
const firstOwnOid = 16_384;
const mostKept = 5_000;
const kept = new Map<string, string>();

const keyOf = ({ typeOid, typeModifier }: Field) => `${typeOid}:${typeModifier}`;

export async function columnsOf(session: StatementSession, fields: readonly Field[]): Promise<readonly Column[]> {
  const names = new Map<string, string>();
  const unknown = new Map<string, Field>();
  for (const field of fields) {
    const name = kept.get(keyOf(field));
    if (name === undefined) unknown.set(keyOf(field), field);
    else names.set(keyOf(field), name);
  }
  for (const [key, name] of await ask(session, [...unknown.values()])) names.set(key, name);
  return fields.map((field) => ({
    ...{ name: field.name, oid: field.typeOid, type: names.get(keyOf(field)) ?? String(field.typeOid) },
  }));
}

async function ask(session: StatementSession, fields: readonly Field[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  if (fields.length === 0 || session.transaction() === "failed") return found;
  const list = (of: (field: Field) => number) => `{${fields.map(of).join(",")}}`;
  const end = await session.run({
    text: `select pg_catalog.format_type(t, m)
           from rows from (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[]))
           with ordinality as x (t, m, n) order by n`,
    values: [list(({ typeOid }) => typeOid), list(({ typeModifier }) => typeModifier)],
    ...{ maxRows: fields.length, maxBytes: 1_000_000 },
  });
  if (end.kind === "refused") return found;
  end.rows.forEach(([name], i) => {
    const field = fields[i];
    if (field === undefined || name === undefined || name === null) return;
    found.set(keyOf(field), name);
    if (field.typeOid < firstOwnOid && kept.size < mostKept) kept.set(keyOf(field), name);
  });
  return found;
}
