import type ts from "typescript";
import { typescript } from "./typescript.ts";

/** Repository-relative path to text. */
export type Files = ReadonlyMap<string, string>;

/** A stretch of a file: offsets in UTF-16 units, and where it starts, from 1. */
export type Range = {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
};

const cache = new WeakMap<Files, Map<string, ts.SourceFile>>();

/** The syntax tree of a file; undefined when the set does not hold it. Parsed once for each text. */
export function parse(files: Files, file: string): ts.SourceFile | undefined {
  const text = files.get(file);
  if (text === undefined) return undefined;
  const parsed = cache.get(files) ?? new Map<string, ts.SourceFile>();
  cache.set(files, parsed);
  const known = parsed.get(file);
  if (known?.text === text) return known;
  const { createSourceFile, ScriptTarget, ScriptKind } = typescript();
  const source = createSourceFile(file, text, ScriptTarget.Latest, true, ScriptKind.TS);
  parsed.set(file, source);
  return source;
}

export function rangeAt(source: ts.SourceFile, start: number, end: number): Range {
  const { line, character } = source.getLineAndCharacterOfPosition(start);
  return { file: source.fileName, start, end, line: line + 1, column: character + 1 };
}

/** Where a node stands, without the comments before it. */
export const rangeOf = (node: ts.Node): Range => rangeAt(node.getSourceFile(), node.getStart(), node.getEnd());
