import { join } from "node:path";
import type { Asking } from "../compute/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { quoteIdent, type Sql } from "../sql/index.ts";
import type { Ground } from "./ground.ts";
import { findSource, makeRecovered } from "./restore.ts";
import type { Target } from "./target.ts";

export type TableThen = {
  readonly table: string;
  /** null: it is not there. */
  readonly rowsNow: number | null;
  readonly rowsThen: number | null;
  /** Counted, and not what the statistics say of a big one. */
  readonly counted: boolean;
};

export type RestorePreview = {
  /** The backup it would begin with. */
  readonly base: string;
  /** What was committed after this moment would be gone; null where the target is no time. */
  readonly from: Date | null;
  readonly to: Date;
  readonly sizeBytesThen: number;
  /** Those that differ; also what is in the database now and would not be, and the other way round. */
  readonly tables: readonly TableThen[];
};

/** What a restore in place would change: a restore into a folder that is thrown away, and a look at both. */
export async function previewRestore(ground: Ground, id: DatabaseId, target: Target): Promise<RestorePreview> {
  const { machinery } = ground;
  const source = await findSource(ground, id, target);
  const { databaseName } = source.base;
  return machinery.site(async (site) => {
    const then = await makeRecovered(ground, source, { site, pgdata: join(site, "pgdata") }, (as) =>
      look(as(databaseName)),
    );
    const live = await machinery.find(id);
    const now = live === undefined ? emptyLook : await look((ask) => machinery.admin(id, databaseName, ask));
    return {
      base: source.base.label,
      from: target.kind === "time" ? target.at : null,
      to: new Date(machinery.now()),
      sizeBytesThen: then.sizeBytes,
      tables: compare(now, then),
    };
  });
}

/** The database as it was, for as long as `body` takes. */
export async function lookAt<T>(
  ground: Ground,
  { id, target }: { readonly id: DatabaseId; readonly target: Target },
  body: (sql: Sql) => Promise<T>,
): Promise<T> {
  const source = await findSource(ground, id, target);
  return ground.machinery.site((site) =>
    makeRecovered(ground, source, { site, pgdata: join(site, "pgdata") }, (as) => as(source.base.databaseName)(body)),
  );
}

/** `counted`: not what the statistics say of a big one. */
export type TableLook = { readonly rows: number; readonly counted: boolean };
type Counted = TableLook;
type Look = { readonly sizeBytes: number; readonly tables: ReadonlyMap<string, Counted> };
const emptyLook: Look = { sizeBytes: 0, tables: new Map() };

/** Above it, counting takes longer than a person waits. */
const countBelow = 20_000_000;

const look = (ask: Asking): Promise<Look> => ask(lookInside);

/** The tables of a database with their rows, and its size. */
export async function lookInside(sql: Sql): Promise<Look> {
  const { bytes } = await sql.one<{ bytes: number }>("select pg_database_size(current_database()) as bytes");
  const found = await sql.query<{ schema: string; name: string; about: number }>(
    `select n.nspname as schema, c.relname as name, greatest(c.reltuples, 0)::float8 as about
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'm') and c.relpersistence = 'p' and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
       order by 1, 2`,
  );
  const tables = new Map<string, Counted>();
  for (const one of found) tables.set(`${one.schema}.${one.name}`, await count(sql, one));
  return { sizeBytes: bytes, tables };
}

async function count(
  sql: Sql,
  { schema, name, about }: { readonly schema: string; readonly name: string; readonly about: number },
): Promise<Counted> {
  if (about > countBelow) return { rows: Math.round(about), counted: false };
  const { rows } = await sql.one<{ rows: number }>(
    `select count(*)::float8 as rows from only ${quoteIdent(schema)}.${quoteIdent(name)}`,
  );
  return { rows, counted: true };
}

function compare(now: Look, then: Look): readonly TableThen[] {
  return [...new Set([...now.tables.keys(), ...then.tables.keys()])].sort().flatMap((table) => {
    const [one, other] = [now.tables.get(table), then.tables.get(table)];
    if (one?.rows === other?.rows && one?.counted !== false) return [];
    const counted = one?.counted !== false && other?.counted !== false;
    return [{ table, rowsNow: one?.rows ?? null, rowsThen: other?.rows ?? null, counted }];
  });
}
