import { type DeclarationProblem, type SourceLocation, type SpecProblem, unknownField } from "../../spec/index.ts";
import { type Files, locateOption } from "../../syntax/index.ts";

import type { Frame } from "./sandbox.ts";

/** A frame of QuickJS as a place in the file: columns in UTF-16 units, and at the start of the call, not its bracket. */
export function placeOfFrame(files: Files, frame: Frame): SourceLocation | undefined {
  const text = files.get(frame.file);
  const line = text?.split("\n")[frame.line - 1];
  if (line === undefined) return undefined;
  const before = [...line].slice(0, frame.column - 1).join("");
  const call = line[before.length] === "(" ? /(?:\bnew\s+)?[\w$.]+\s*$/.exec(before)?.[0].length : undefined;
  return { file: frame.file, line: frame.line, column: before.length + 1 - (call ?? 0) };
}

/** The first place of a trace that is the tenant's own code. */
export function placeOfTrace(files: Files, frames: readonly Frame[]): SourceLocation | undefined {
  for (const frame of frames) {
    const place = placeOfFrame(files, frame);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** So many problems of one declaration are told; whoever made thousands needs no more to find the reason. */
const mostProblems = 50;

export const placeProblems = (
  files: Files,
  declared: { readonly name: string | null; readonly at: SourceLocation },
  problems: readonly SpecProblem[],
): DeclarationProblem[] => problems.slice(0, mostProblems).map((problem) => placeProblem(files, declared, problem));

/**
 * A problem of an option at the place where the option is written; where it is computed, at the code that computes it; and
 * at the declaration where nothing says it.
 */
function placeProblem(
  files: Files,
  declared: { readonly name: string | null; readonly at: SourceLocation },
  { code, path, message, hint }: SpecProblem,
): DeclarationProblem {
  return { ...optionPlace(files, declared, path, code === unknownField.definition.code), code, message, hint };
}

export function optionPlace(
  files: Files,
  { name, at }: { readonly name: string | null; readonly at: SourceLocation },
  path: readonly (string | number)[],
  atKey = false,
): SourceLocation {
  if (path.length === 0) return place(at);
  try {
    const located = locateOption(files, at.file, name, path);
    if (located.kind === "literal") return place(atKey && located.key !== null ? located.key : located);
    return located.kind === "computed" ? place(located) : place(at);
  } catch {
    // A tree too deep for the parser: the declaration's own place is still true.
    return place(at);
  }
}

const place = ({ file, line, column }: SourceLocation): SourceLocation => ({ file, line, column });
