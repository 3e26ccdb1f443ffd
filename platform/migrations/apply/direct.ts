import { migrationForbidden } from "../errors.ts";
import { readMigration } from "../read/migration.ts";
import { type ApplyInput, noteSchema } from "./apply.ts";
import { ensureRecord, listRan, type Run, takeHold } from "./record.ts";
import { type Door, runFile, usualLimits } from "./run-file.ts";

type Direct = Pick<ApplyInput, "folder" | "scope" | "fence" | "commit" | "ownerRole" | "limits"> & {
  readonly operation: string;
  readonly text: string;
};

/**
 * Runs a text at once, as a migration without a file: held to what a migration may have, in one transaction, with a row. A repeat after
 * a kill finds the row. Answers the schema's fingerprint afterwards. @throws NEB146, NEB147 with the first problem; NEB440-NEB444
 */
export async function applyDirect(door: Door, input: Direct): Promise<string> {
  const { folder, scope, fence, commit, operation } = input;
  const file = `direct-${operation}`;
  const migration = await readMigration({ file, text: input.text, path: "sql" });
  const [problem] = migration.problems;
  if (problem !== undefined)
    throw migrationForbidden(`line ${problem.line}, column ${problem.column}: ${problem.message}`, {
      hint: problem.hint,
    });
  await ensureRecord(door.admin, input.ownerRole);
  const begun = await takeHold(door.admin, { scope, fence });
  const ran = await listRan(door.admin);
  if (!ran.some((row) => row.folder === folder && row.file === file)) {
    const run: Run = { folder, file, checksum: migration.checksum, commit, operation, scope, fence };
    const begunBefore = begun.has(`${folder}/${file}`);
    await runFile(door, migration, run, { ...usualLimits, ...input.limits, begunBefore });
  }
  return noteSchema(door);
}
