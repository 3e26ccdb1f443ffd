import type { Git } from "../../platform/git/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { knownMigrationTexts } from "../../platform/store/index.ts";
import { readFiles, type Snapshot } from "./snapshot.ts";
import type { Understood } from "./understand.ts";

/** The texts, by checksum, of migrations that the ledger does not have yet. What is there is not read again. */
export async function readMigrationTexts(
  sql: Sql,
  git: Git,
  snapshot: Snapshot,
  understood: readonly Understood[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Map<string, string>();
  for (const { tenant, project, admission } of understood) {
    if (admission === "forget" || admission.kind !== "spec") continue;
    for (const { name, migrations = {} } of admission.spec.databases)
      for (const [file, checksum] of Object.entries(migrations))
        wanted.set(checksum, `tenants/${tenant}/${project}/${name}/migrations/${file}.sql`);
  }
  const known = await knownMigrationTexts(sql, [...wanted.keys()]);
  const missing = [...wanted].filter(([checksum]) => !known.has(checksum));
  const texts = await readFiles(
    git,
    snapshot,
    missing.map(([, path]) => path),
  );
  return new Map(missing.map(([checksum, path]) => [checksum, texts.get(path) ?? ""]));
}
