import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Sql, sqlState } from "../sql/index.ts";
import { schemaTooOld } from "./errors.ts";

const ours = join(import.meta.dirname, "migrations");

/**
 * Brings the ledger to the newest schema, as its owner. Forward only, one transaction a file, safe when several processes start
 * at once: a migration's row is inserted first, so the loser of a race waits for the winner and then finds nothing to do.
 * Returns the names applied by this call.
 */
export async function migrate(sql: Sql, folder: string = ours): Promise<readonly string[]> {
  await makeTable(sql);
  const applied: string[] = [];
  for (const file of globSync(join(folder, "*.sql")).sort()) {
    if (await apply(sql, basename(file, ".sql"), readFileSync(file, "utf8"))) applied.push(basename(file, ".sql"));
  }
  return applied;
}

/** What a main asks before it serves: it may not change the schema itself. @throws NEB902 naming what is missing */
export async function requireSchema(sql: Sql, folder: string = ours): Promise<void> {
  const rows = await sql.query<{ name: string }>("select name from migrations").catch((thrown) => {
    if (sqlState(thrown) === "42P01") return [];
    throw thrown;
  });
  const applied = new Set(rows.map(({ name }) => name));
  const missing = globSync(join(folder, "*.sql"))
    .map((file) => basename(file, ".sql"))
    .filter((name) => !applied.has(name))
    .sort();
  if (missing.length > 0) throw schemaTooOld(`the ledger lacks ${missing.join(", ")}`);
}

/** `create table if not exists` is not safe against itself; the advisory lock is. */
const makeTable = (sql: Sql) =>
  sql.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb migrations'))");
    await tx.query(
      "create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())",
    );
  });

const apply = (sql: Sql, name: string, text: string) =>
  sql.tx(async (tx) => {
    const won = await tx.maybe("insert into migrations (name) values ($1) on conflict do nothing returning name", [
      name,
    ]);
    if (won === undefined) return false;
    await tx.query(text);
    return true;
  });
