import { failpoint, NebulaError } from "../../core/index.ts";
import { offsetOfPosition, placeOf } from "../../grammar/index.ts";
import { type ServerWords, type Sql, serverWords } from "../../sql/index.ts";
import { holderReplaced, lockNotHad, migrationFailed } from "../errors.ts";
import type { Migration, Statement } from "../read/migration.ts";
import { beginRun, endRun, noteRan, type Run } from "./record.ts";
import { repair } from "./repair.ts";

/** Connections to one database: the administrator's, and new ones of the owner's. */
export type Door = {
  readonly admin: Sql;
  readonly asOwner: <T>(body: (sql: Sql) => Promise<T>) => Promise<T>;
};

export type RunLimits = {
  /** How long a statement may take. */
  readonly statementMs: number;
  /** How long it may wait for a lock, unless the file says otherwise. */
  readonly lockMs: number;
};

export const usualLimits: RunLimits = { statementMs: 3_600_000, lockMs: 5_000 };

/** Hears of each statement that has run. */
export type Watch = (statement: Statement, durationMs: number, backend: number) => Promise<void>;

type Options = RunLimits & {
  readonly watch?: Watch | undefined;
  /** It was begun before, without a transaction, and broke off. */
  readonly begunBefore: boolean;
};

/** Runs one file as the owner, in a session of its own; its row is there when what it did is. @throws NEB440, NEB442, NEB444 */
export async function runFile(door: Door, migration: Migration, run: Run, options: Options): Promise<void> {
  await door.asOwner(async (owner) => {
    const { backend } = await owner.one<{ backend: number }>("select pg_catalog.pg_backend_pid() as backend");
    const ticket = await beginRun(door.admin, run, backend);
    failpoint("migrate.begun");
    const { statementMs, lockMs } = options;
    await owner.query(`set statement_timeout = ${Math.trunc(statementMs)}; set lock_timeout = ${Math.trunc(lockMs)}`);
    try {
      if (migration.transactional) await inTransaction(owner, migration, ticket, { ...options, backend });
      else {
        const began = performance.now();
        await oneByOne(door, owner, migration, { ...options, backend });
        failpoint("migrate.ran");
        await noteRan(door.admin, run, { adopted: false, durationMs: performance.now() - began });
      }
    } catch (thrown) {
      // What broke off outside of a transaction is remembered: the next try looks at what it left.
      if (migration.transactional) await endRun(door.admin, run).catch(() => undefined);
      throw thrown;
    }
    failpoint("migrate.committed");
  });
}

type Running = Options & { readonly backend: number };

const inTransaction = (owner: Sql, migration: Migration, ticket: string, options: Running): Promise<void> =>
  owner
    .tx(async (tx) => {
      for (const statement of migration.statements) await runStatement(tx, migration, statement, options);
      failpoint("migrate.ran");
      const { kept } = await tx.one<{ kept: number }>("select nebula.finish_migration($1::pg_catalog.text) as kept", [
        ticket,
      ]);
      if (kept !== 1) throw holderReplaced(`${migration.file} was begun by somebody else meanwhile`);
    })
    .catch((thrown: unknown) => {
      throw translated(thrown, migration, migration.statements.at(-1));
    });

async function oneByOne(door: Door, owner: Sql, migration: Migration, options: Running): Promise<void> {
  for (const statement of migration.statements) {
    if (options.begunBefore && (await repair(door.admin, owner, statement)) === "done") continue;
    await runStatement(owner, migration, statement, options);
  }
}

async function runStatement(
  sql: Sql,
  migration: Migration,
  statement: Statement,
  { watch, backend }: Running,
): Promise<void> {
  const began = performance.now();
  try {
    await sql.query(statement.text);
  } catch (thrown) {
    throw translated(thrown, migration, statement);
  }
  await watch?.(statement, performance.now() - began, backend);
}

/** Waited for a lock; two waited for each other. */
const impatient = new Set(["55P03", "40P01", "40001"]);

/** What the server said of a statement, at its place in the file. What the connection did is passed on. */
function translated(thrown: unknown, migration: Migration, statement: Statement | undefined): unknown {
  if (
    thrown instanceof NebulaError &&
    [migrationFailed, lockNotHad, holderReplaced].some((one) => thrown.code === one.definition.code)
  )
    return thrown;
  const words = serverWords(thrown);
  if (words === undefined || statement === undefined || /^(08|57P|53)/.test(words.state)) return thrown;
  const place = placeIn(migration, statement, words);
  const { message, detail, hint, state } = words;
  const said = [message, detail, hint].filter((one) => one !== null && one !== "").join(". ");
  const fields = { file: migration.path, migration: migration.file, ...place, sqlState: state };
  const where = `${migration.path}:${place.line}:${place.column}`;
  const fault = impatient.has(state) ? lockNotHad : migrationFailed;
  return fault(`${where} ${state === "57014" ? "took too long, and was ended" : said}`, { cause: thrown, fields });
}

function placeIn(migration: Migration, statement: Statement, { position }: ServerWords) {
  if (position === null) return { line: statement.line, column: statement.column };
  return placeOf(migration.text, statement.start + offsetOfPosition(statement.text, position));
}
