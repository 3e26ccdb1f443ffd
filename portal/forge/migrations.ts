import { readdir, readFile } from "node:fs/promises";
import type { Sql } from "../../platform/sql/index.ts";

const folder = new URL("./migrations/", import.meta.url);

/** Brings the forge's database to the newest shape. Forward only; safe when two processes start at once. */
export async function migrate(sql: Sql): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  await sql.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebula forge migrations'))");
    await tx.query(
      "create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())",
    );
    const rows = await tx.query<{ name: string }>("select name from migrations");
    const applied = new Set(rows.map((row) => row.name));
    for (const name of files.filter((file) => !applied.has(file))) {
      await tx.query("insert into migrations (name) values ($1)", [name]);
      await tx.query(await readFile(new URL(name, folder), "utf8"));
    }
  });
}
