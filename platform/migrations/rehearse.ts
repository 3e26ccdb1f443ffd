import { asNebulaError } from "../core/index.ts";
import type { DeclarationProblem } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { applyMigrations } from "./apply/apply.ts";
import { readNoted } from "./apply/record.ts";
import type { Door } from "./apply/run-file.ts";
import { migrationChanged, migrationOutOfOrder, recordDiffers, rehearsalFailed } from "./errors.ts";
import type { Migration, Statement } from "./read/migration.ts";
import { describeSchemaChanges, diffSchemas } from "./schema/diff.ts";
import { fingerprintOf, takeSnapshot } from "./schema/snapshot.ts";

/** A table that was there before, and how much is in it. */
export type Touched = { readonly table: string; readonly rows: number; readonly bytes: number };

export type RehearsedStatement = {
  readonly line: number;
  readonly ms: number;
  /** Locks on tables that others use, which it took first; until the end of the file. */
  readonly locks: readonly (Touched & { readonly mode: string })[];
};

export type RehearsedFile = {
  readonly file: string;
  readonly path: string;
  readonly ms: number;
  /** The schema had it already: it was recorded and not run. */
  readonly adopted: boolean;
  readonly statements: readonly RehearsedStatement[];
  /** Tables whose rows were written anew. */
  readonly rewrites: readonly Touched[];
};

export type Rehearsal = {
  readonly files: readonly RehearsedFile[];
  /** Where it failed; those after it were not tried. */
  readonly problem: DeclarationProblem | null;
  /** What the schema has otherwise afterwards. */
  readonly difference: readonly string[];
  /** What somebody had changed by hand before: lines as in `difference`. */
  readonly byHand: readonly string[];
};

type Input = {
  readonly folder: string;
  readonly migrations: readonly Migration[];
  readonly ownerRole: string;
  readonly statementMs?: number;
};

/** Runs what is missing on a database that is thrown away, and measures what it does there. Never throws for what a file does. */
export async function rehearse(
  door: Door,
  { folder, migrations, ownerRole, statementMs = 60_000 }: Input,
): Promise<Rehearsal> {
  const { admin } = door;
  const [before, noted] = [await takeSnapshot(admin), await readNoted(admin)];
  const byHand =
    noted === undefined || noted.fingerprint === fingerprintOf(before)
      ? []
      : describeSchemaChanges(diffSchemas(noted.snapshot, before));
  const files: RehearsedFile[] = [];
  let tables = await tablesIn(admin);
  let statements: RehearsedStatement[] = [];
  const problem = await applyMigrations(door, {
    ...{ folder, migrations, ownerRole, scope: "rehearsal", fence: 1, commit: null, operation: null },
    limits: { statementMs },
    async watch(statement, ms, backend) {
      statements.push(await measured(admin, statement, ms, { backend, tables, before: statements }));
    },
    async told({ file, path }, how, ms) {
      const after = await tablesIn(admin);
      const rewrites = [...after].flatMap(([oid, now]) => rewritten(tables.get(oid), now));
      files.push({ file, path, ms: Math.round(ms), adopted: how === "adopted", statements, rewrites });
      [tables, statements] = [after, []];
    },
  }).then(
    () => null,
    (thrown: unknown) => problemOf(thrown, migrations, folder),
  );
  const difference = describeSchemaChanges(diffSchemas(before, await takeSnapshot(admin)));
  return { files, problem, difference, byHand };
}

type TableFacts = Touched & { readonly filenode: number };

/** By the administrator's own look, which what a file did cannot change. */
async function tablesIn(admin: Sql): Promise<ReadonlyMap<number, TableFacts>> {
  const rows = await admin.query<TableFacts & { oid: number }>(
    `select c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as table, greatest(c.reltuples, 0)::float8 as rows,
       pg_relation_size(c.oid) as bytes, pg_relation_filenode(c.oid)::bigint as filenode
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'nebula', 'nebula_changes')
       and n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp%'`,
  );
  return new Map(rows.map((row) => [row.oid, row]));
}

const rewritten = (old: TableFacts | undefined, now: TableFacts): readonly Touched[] =>
  old === undefined || old.filenode === now.filenode ? [] : [{ table: now.table, rows: old.rows, bytes: old.bytes }];

/** Those that somebody else waits for, from the weakest on. */
const strong = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"];

type Measuring = {
  readonly backend: number;
  readonly tables: ReadonlyMap<number, TableFacts>;
  readonly before: readonly RehearsedStatement[];
};

async function measured(admin: Sql, { line }: Statement, ms: number, { backend, tables, before }: Measuring) {
  const held = await admin.query<{ oid: number; mode: string }>(
    "select relation as oid, mode from pg_locks where pid = $1 and locktype = 'relation' and granted and mode = any($2)",
    [backend, strong],
  );
  const strongest = new Map<number, string>();
  for (const { oid, mode } of held)
    if (strong.indexOf(mode) > strong.indexOf(strongest.get(oid) ?? "")) strongest.set(oid, mode);
  const known = new Set(before.flatMap(({ locks }) => locks.map(({ table, mode }) => `${table} ${mode}`)));
  const locks = [...strongest].flatMap(([oid, lock]) => {
    const facts = tables.get(oid);
    const mode = lock.replace(/Lock$/, "");
    if (facts === undefined || known.has(`${facts.table} ${mode}`)) return [];
    const { table, rows, bytes } = facts;
    return [{ table, rows, bytes, mode }];
  });
  return { line, ms: Math.round(ms), locks };
}

function problemOf(thrown: unknown, migrations: readonly Migration[], folder: string): DeclarationProblem {
  const { code, message, fields } = asNebulaError(thrown);
  const at = { line: 1, column: 1, ...fields } as { readonly line: number; readonly column: number };
  const failed = migrations.find(({ file }) => file === fields.migration);
  const named = migrations.find(({ path }) => message.startsWith(path));
  const file = failed?.path ?? named?.path ?? `${folder}/migrations`;
  const fault =
    code === recordDiffers.definition.code
      ? migrationChanged
      : code === migrationOutOfOrder.definition.code
        ? migrationOutOfOrder
        : rehearsalFailed;
  const { hint } = fault.definition;
  const said = message.replace(`${file}:${at.line}:${at.column} `, "").replace(`${file} `, "").replace(`${file}: `, "");
  return { file, line: at.line, column: at.column, code: fault.definition.code, message: said, hint };
}
