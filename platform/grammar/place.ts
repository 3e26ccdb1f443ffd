/** Where something stands in a text. */

export type Place = { readonly line: number; readonly column: number };

/** Line and column of an offset, both from 1; the column counts UTF-16 units, as editors do. */
export function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, Math.max(0, offset));
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: before.length - lineStart + 1 };
}

/** The offset of Postgres's "position" of an error, which counts characters from 1. */
export function offsetOfPosition(text: string, position: number): number {
  let offset = 0;
  for (let i = 1; i < position && offset < text.length; i++) offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  return offset;
}

/** From offsets in bytes of UTF-8, asked for in rising order, to offsets in the text. */
export function byteOffsets(text: string): (bytes: number) => number {
  const encoded = Buffer.from(text, "utf8");
  if (encoded.length === text.length) return (bytes) => bytes;
  let [at, offset] = [0, 0];
  return (bytes) => {
    offset += encoded.toString("utf8", at, bytes).length;
    at = bytes;
    return offset;
  };
}
