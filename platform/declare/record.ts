/** Where a declaration stands, as the engine's stack trace says it: file, line and column from 1. */
export type Place = { readonly file: string; readonly line: number; readonly column: number };

/**
 * The place of the code that called the vocabulary: `depth` counts the vocabulary's own frames on top of the stack.
 * Only the form of a trace is read, which V8 and QuickJS share: `at name (file:line:column)`.
 */
export function placeOfCaller(depth: number): Place | null {
  const frames = String(new Error().stack)
    .split("\n")
    .filter((line) => /^\s*at /.test(line));
  const [, file, line, column] = /([^\s()]+):(\d+):(\d+)\)?\s*$/.exec(frames[depth] ?? "") ?? [];
  return file === undefined ? null : { file, line: Number(line), column: Number(column) };
}
