/** A text of SQL as statements, or the mistake that keeps it from being any. */
import type { Node } from "libpg-query";
import { classify, type Statement } from "./classify.ts";
import { byteOffsets, offsetOfPosition, type Place, placeOf } from "./place.ts";

export type SyntaxProblem = Place & { readonly kind: "syntax"; readonly message: string; readonly offset: number };
export type Parsed = { readonly kind: "parsed"; readonly statements: readonly Statement[] };

/** Parsing a megabyte takes up to a second. */
const defaultMaxLength = 1_000_000;
/** The lexer reads such a run anew for each of its characters, as the server's does: 200,000 of them would take minutes. */
const longRun = /[~!@#^&|`?+\-*/%<>=]{2000}/;

/** The parser (1.5 MB of WebAssembly) is loaded by the first call: about 60 ms. */
export async function parse(
  sql: string,
  { maxLength = defaultMaxLength }: { readonly maxLength?: number } = {},
): Promise<Parsed | SyntaxProblem> {
  const problem = unreadable(sql, maxLength);
  if (problem !== undefined) return problem;
  if (sql === "") return { kind: "parsed", statements: [] };
  const { parse: parseText, SqlError } = await import("libpg-query");
  try {
    const { stmts = [] } = await parseText(sql);
    const offsetOf = byteOffsets(sql);
    const statements = stmts.flatMap(({ stmt, stmt_location: from = 0, stmt_len: length = 0 }) => {
      if (stmt === undefined) return [];
      const start = offsetOf(from);
      return [statementAt(sql, start, length === 0 ? sql.length : offsetOf(from + length), stmt)];
    });
    return { kind: "parsed", statements };
  } catch (thrown) {
    if (thrown instanceof SqlError)
      return problemAt(sql, offsetOfPosition(sql, (thrown.sqlDetails?.cursorPosition ?? 0) + 1), thrown.message);
    if (thrown instanceof RangeError) return problemAt(sql, 0, "the statement is nested too deeply to be read");
    throw thrown;
  }
}

function statementAt(sql: string, from: number, to: number, tree: Node): Statement {
  const text = sql.slice(from, to).trimEnd();
  return { text, start: from, end: from + text.length, ...classify(tree), tree };
}

/** What the parser would misread: it ends at a NUL, and half a character becomes another one. */
function unreadable(sql: string, maxLength: number): SyntaxProblem | undefined {
  if (sql.length > maxLength)
    return problemAt(sql, maxLength, `the text has ${sql.length} characters, and at most ${maxLength} are read`);
  const nul = sql.indexOf("\0");
  if (nul >= 0) return problemAt(sql, nul, "the text holds the character NUL, which no statement may");
  if (!sql.isWellFormed()) return problemAt(sql, 0, "the text holds half a character (a lone surrogate)");
  const run = longRun.exec(sql);
  return run === null ? undefined : problemAt(sql, run.index, "a run of 2,000 operator characters is not read");
}

const problemAt = (sql: string, offset: number, message: string): SyntaxProblem => ({
  kind: "syntax",
  message,
  offset,
  ...placeOf(sql, offset),
});
