/**
 * The only door to the TypeScript parser: where things stand in a declaration, and the smallest edits that change them.
 * Owns positions and text edits; does not own what options mean (spec) nor which edit a user asked for (portal/edit).
 *
 * 1. A value is `literal` only where the text itself is the value; whatever code computes is `computed` with the reason,
 *    never guessed.
 * 2. An edit touches the bytes it must and no others: comments, formatting and unrelated code stay.
 * 3. The TypeScript package is loaded on first use and nothing is type-checked here.
 */
export { declaredNames, locateDeclaration, vocabularyModule } from "./declaration.ts";
export { applyEdits, type Edited, keyText, removeDeclaration, removeOption, setOption, type TextEdit } from "./edit.ts";
export type { Computed, Constant } from "./follow.ts";
export { type Located, locateOption, type OptionPath } from "./locate.ts";
export { type ImportOf, importsOf, type SyntaxProblem, syntaxProblems } from "./problems.ts";
export { importersOf, type Reader, readersOf } from "./readers.ts";
export type { Files, Range } from "./source.ts";
