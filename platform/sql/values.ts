import pg from "pg";
import { Secret } from "../core/index.ts";

const { types } = pg;
type Parser = (text: string) => unknown;

/** int8 and numeric as numbers, exact or refused; date as its ISO text; everything else as `pg` does it. */
const parsers = new Map<number, Parser>([
  [types.builtins.INT8, exact],
  [types.builtins.NUMERIC, exact],
  [types.builtins.DATE, (text) => text],
  [1016, arrayOf(exact)],
  [1231, arrayOf(exact)],
  [1182, arrayOf((text) => text)],
]);

function getTypeParser(oid: number, format?: "text" | "binary"): Parser {
  const parser = format === "binary" ? undefined : parsers.get(oid);
  return parser ?? (types.getTypeParser(oid, format as "text") as Parser);
}

/** Handed to every client; the process-wide table of `pg` stays as it is. */
export const customTypes = { getTypeParser } as unknown as pg.CustomTypesConfig;

function exact(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new RangeError(`${text} is not a finite number`);
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new RangeError(`${text} is too large for an exact number`);
  return value;
}

function arrayOf(parse: Parser): Parser {
  // the declared type is the library's old one
  const { create } = types.arrayParser as unknown as {
    create(text: string, parse: Parser): { parse(): unknown[] };
  };
  return (text) => create(text, parse).parse();
}

/** @throws TypeError for a value that would be stored as something else than it is. */
export function toParams(params: readonly unknown[]): unknown[] {
  return params.map((value, i) => {
    if (value instanceof Secret) throw new TypeError(`parameter $${i + 1} is a secret: reveal it where that is meant`);
    if (typeof value === "number" && Number.isNaN(value)) throw new TypeError(`parameter $${i + 1} is not a number`);
    return value;
  });
}
