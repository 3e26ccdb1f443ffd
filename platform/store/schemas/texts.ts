import type { Sql } from "../../sql/index.ts";

/** Texts of migrations by their checksum: kept when a commit brings them, so that applying needs no Git host. */
export async function putMigrationTexts(sql: Sql, texts: ReadonlyMap<string, string>): Promise<void> {
  if (texts.size === 0) return;
  await sql.query(
    `insert into migration_texts (checksum, text)
     select checksum, text from jsonb_to_recordset($1::jsonb) as t (checksum text, text text) order by checksum
     on conflict (checksum) do update set seen_at = clock_timestamp()`,
    [JSON.stringify([...texts].map(([checksum, text]) => ({ checksum, text })))],
  );
}

export async function getMigrationTexts(sql: Sql, checksums: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (checksums.length === 0) return new Map();
  const rows = await sql.query<{ checksum: string; text: string }>(
    "select checksum, text from migration_texts where checksum = any($1)",
    [checksums],
  );
  return new Map(rows.map(({ checksum, text }) => [checksum, text]));
}

export async function knownMigrationTexts(sql: Sql, checksums: readonly string[]): Promise<ReadonlySet<string>> {
  if (checksums.length === 0) return new Set();
  const rows = await sql.query<{ checksum: string }>("select checksum from migration_texts where checksum = any($1)", [
    checksums,
  ]);
  return new Set(rows.map(({ checksum }) => checksum));
}

/** What no project wants and nobody brought for a long time. How many. */
export async function pruneMigrationTexts(sql: Sql, keepSeconds = 90 * 86_400): Promise<number> {
  const gone = await sql.query(
    `delete from migration_texts t where seen_at < clock_timestamp() - make_interval(secs => $1)
       and not exists (select from projects p, lateral (values (p.wanted_spec), (p.applied_spec)) s (spec),
         jsonb_array_elements(s.spec -> 'databases') d, jsonb_each_text(d -> 'migrations') m where m.value = t.checksum)
     returning 1`,
    [keepSeconds],
  );
  return gone.length;
}
