import { createHash } from "node:crypto";
import { type Place, parse, placeOf } from "../../grammar/index.ts";
import type { DeclarationProblem } from "../../spec/index.ts";
import { migrationForbidden, migrationSyntax } from "../errors.ts";
import { type Allowance, readDirectives } from "./directives.ts";
import { forbiddenIn } from "./forbidden.ts";
import { skipTrivia } from "./places.ts";
import { type Node, unwrap } from "./tree.ts";

export type Statement = Place & {
  /** From its first word to its end, without the semicolon. */
  readonly text: string;
  /** Where that begins in the file. */
  readonly start: number;
  /** As the grammar calls it: `CreateStmt`. */
  readonly type: string;
  readonly node: Node;
  readonly allowed: readonly Allowance[];
};

/** One file, read. With problems it is never run. */
export type Migration = {
  /** Without `.sql`: `0001_orders`. */
  readonly file: string;
  readonly number: number;
  /** In the repository, for places. */
  readonly path: string;
  readonly text: string;
  readonly checksum: string;
  readonly statements: readonly Statement[];
  /** Runs in one transaction, all of it or nothing. */
  readonly transactional: boolean;
  /** The schema that has it already: there it is recorded and not run. */
  readonly alreadyIn: string | null;
  readonly problems: readonly DeclarationProblem[];
};

export type MigrationFile = { readonly file: string; readonly text: string; readonly path?: string };

/** As the evaluation admits it, in bytes. */
const longest = 1_048_576;

/** Reads one file by Postgres's own grammar, and says everything that a migration cannot have. Runs nothing. */
export async function readMigration({ file, text: given, path = `${file}.sql` }: MigrationFile): Promise<Migration> {
  const text = given.replaceAll("\r\n", "\n").replace(/^\ufeff/, " ");
  const whole = {
    ...{ file, path, text, number: Number(/^\d+/.exec(file)?.[0] ?? 0) },
    checksum: createHash("sha256").update(given.replaceAll("\r\n", "\n")).digest("hex"),
  };
  const at = (place: Place, code: string, message: string, hint: string): DeclarationProblem => ({
    ...{ file: path, line: place.line, column: place.column, code, message, hint },
  });
  const head = readDirectives(skipTrivia(text, 0).comments);
  const rest = { transactional: !head.noTransaction, alreadyIn: head.alreadyIn };
  const parsed = await parse(text, { maxLength: longest });
  if (parsed.kind === "syntax") {
    const meta = psqlCommand(text, parsed.line);
    const problem =
      meta === undefined
        ? at(parsed, migrationSyntax.definition.code, parsed.message, migrationSyntax.definition.hint)
        : at(
            { line: parsed.line, column: 1 },
            migrationForbidden.definition.code,
            `${meta} is a command of psql's`,
            "Write SQL: psql's own commands run nowhere else.",
          );
    return { ...whole, ...rest, statements: [], problems: [problem] };
  }
  // A statement begins with its first word: what is said of it stands between the one before and it.
  const statements = parsed.statements.map((one, i): Statement & { readonly unknown: readonly string[] } => {
    const { at: start } = skipTrivia(text, one.start);
    const after = parsed.statements[i - 1]?.end ?? 0;
    const { comments } = skipTrivia(text.slice(0, start), text[after] === ";" ? after + 1 : after);
    const { allowed, unknown } = readDirectives(comments);
    return {
      ...{ text: text.slice(start, one.end), start, ...unwrap(one.tree), allowed, unknown },
      ...placeOf(text, start),
    };
  });
  const misspelt = statements.flatMap((one) =>
    one.unknown.map((said) =>
      at(
        one,
        migrationForbidden.definition.code,
        `"nebula: ${said}" means nothing`,
        "Write: -- nebula: allow <rule> because <reason>, or -- nebula: no-transaction at the top.",
      ),
    ),
  );
  const forbidden = statements.flatMap((one) => {
    const why = forbiddenIn(one, rest.transactional);
    return why === undefined ? [] : [at(one, migrationForbidden.definition.code, why.message, why.hint)];
  });
  const empty =
    statements.length === 0
      ? [
          at(
            { line: 1, column: 1 },
            migrationSyntax.definition.code,
            "it has no statement",
            migrationSyntax.definition.hint,
          ),
        ]
      : [];
  return { ...whole, ...rest, statements, problems: [...empty, ...misspelt, ...forbidden] };
}

const psqlCommand = (text: string, line: number): string | undefined =>
  /^\s*(\\[a-z!?]+)/i.exec(text.split("\n")[line - 1] ?? "")?.[1];

/** In the order in which they run. */
export const inOrder = <T extends { readonly number: number }>(migrations: readonly T[]): readonly T[] =>
  [...migrations].sort((a, b) => a.number - b.number);
