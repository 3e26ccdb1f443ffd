import type { Sql } from "../../sql/index.ts";
import { schemaTooLarge } from "../errors.ts";
import { describeSchemaChanges, diffSchemas } from "../schema/diff.ts";
import { fingerprintOf, takeSnapshot } from "../schema/snapshot.ts";
import { statementsOf, toScript } from "../schema/statements.ts";
import { type Ran, readNoted } from "./record.ts";

/** What a database has otherwise than its migrations give. */
export type SchemaDifference = {
  /** Of what there is. */
  readonly fingerprint: string;
  /** Of what the migrations give; null: none has run. */
  readonly expected: string | null;
  /** For people. */
  readonly lines: readonly string[];
  /** What leads from the migrations' schema to what there is, and back. */
  readonly sql: string;
  readonly undo: string;
};

const mostCharacters = 1_000_000;

/** @throws NEB447 */
export async function schemaDifference(admin: Sql): Promise<SchemaDifference> {
  const [noted, live] = [await readNoted(admin), await takeSnapshot(admin)];
  const from = noted?.snapshot ?? { version: 1, objects: [] };
  const there = diffSchemas(from, live);
  const found = {
    fingerprint: fingerprintOf(live),
    expected: noted?.fingerprint ?? null,
    lines: describeSchemaChanges(there),
    sql: toScript(statementsOf(there)),
    undo: toScript(statementsOf(diffSchemas(live, from))),
  };
  const size = found.sql.length + found.undo.length;
  if (size > mostCharacters) throw schemaTooLarge(`${there.length} differences, ${size} characters of SQL`);
  return found;
}

/** For drift: how many things differ from what the newest migration left; undefined where none has run. */
export async function schemaDrift(admin: Sql): Promise<readonly string[] | undefined> {
  const noted = await readNoted(admin);
  if (noted === undefined) return undefined;
  const live = await takeSnapshot(admin);
  return fingerprintOf(live) === noted.fingerprint ? [] : describeSchemaChanges(diffSchemas(noted.snapshot, live));
}

/** The rows as the ledger keeps them, by file. */
export const recordOf = (record: readonly Ran[]) =>
  Object.fromEntries(
    record.map(({ file, checksum, commit, operation, at, adopted }) => [
      file,
      { checksum, commit, operation, at: at.toISOString(), ...(adopted ? { adopted } : {}) },
    ]),
  );
