/**
 * Quoting for the places where Postgres takes no parameter (DDL, SET, LISTEN). What cannot be said exactly is refused, not
 * bent: NUL bytes, halves of surrogate pairs, and identifiers that Postgres would cut at 63 bytes and make collide.
 */
export function quoteIdent(name: string): string {
  refuseUnsayable(name);
  if (name === "") throw new TypeError("an SQL identifier must not be empty");
  if (Buffer.byteLength(name) > 63) throw new TypeError(`an SQL identifier is at most 63 bytes: ${name.slice(0, 80)}`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal that reads the same whatever standard_conforming_strings says. */
export function quoteLiteral(text: string): string {
  refuseUnsayable(text);
  const doubled = text.replaceAll("'", "''");
  return text.includes("\\") ? ` E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}

function refuseUnsayable(text: string): void {
  if (text.includes("\0")) throw new TypeError("SQL text must not hold a NUL byte");
  if (!text.isWellFormed()) throw new TypeError("SQL text must be well-formed Unicode");
}
