import type ts from "typescript";
import { calleeOf, findCall } from "./declaration.ts";
import { type Computed, type Constant, computed, follow } from "./follow.ts";
import { type Files, parse, type Range, rangeAt, rangeOf } from "./source.ts";
import { typescript } from "./typescript.ts";

export type OptionPath = readonly (string | number)[];

/**
 * Where the value of an option is written.
 * - `literal`: the stretch that holds exactly the value. `property` is the whole `key: value`, for removing it; `through`
 *   lists the constants that were followed: changing the value there changes it for whoever else uses them.
 * - `absent`: nothing says it. `holder` is the object literal (or array, or the call without options) that would hold the
 *   first missing part; `missing` the rest of the path, starting with that part.
 * - `computed`: code decides; with the reason and the place of that code.
 * - `missing`: the declaration itself is not there.
 */
export type Located =
  | (Range & {
      readonly kind: "literal";
      readonly text: string;
      readonly property: Range | null;
      readonly key: Range | null;
      readonly through: readonly Constant[];
    })
  | (Range & {
      readonly kind: "absent";
      readonly holder: Range;
      readonly holderIs: "object" | "array" | "call";
      readonly missing: OptionPath;
      readonly through: readonly Constant[];
    })
  | Computed
  | (Range & { readonly kind: "missing"; readonly reason: string });

/** Finds an option of the database `name` (null: of the file's `project`, `tenant` or fleet call) by its path. */
export function locateOption(files: Files, file: string, name: string | null, path: OptionPath): Located {
  const found = locateNode(files, file, name, path);
  if (found.kind === "literal") {
    const { kind, node, property, key, through } = found;
    const text = node.getText();
    return { kind, ...rangeOf(node), text, property: property && rangeOf(property), key: key && rangeOf(key), through };
  }
  if (found.kind === "absent") {
    const { kind, holder, missing, through } = found;
    const { isObjectLiteralExpression, isArrayLiteralExpression } = typescript();
    const is = isObjectLiteralExpression(holder) ? "object" : isArrayLiteralExpression(holder) ? "array" : "call";
    return { kind, ...rangeOf(holder), holder: rangeOf(holder), holderIs: is, missing, through };
  }
  return found;
}

/** The same with syntax nodes, for edits. */
export type LocatedNode =
  | {
      readonly kind: "literal";
      readonly node: ts.Expression;
      readonly property: ts.ObjectLiteralElementLike | ts.Expression | null;
      readonly key: ts.Node | null;
      readonly through: readonly Constant[];
      /** The constants that lead to `property`: fewer than `through` where the property's value is itself a constant. */
      readonly throughToProperty: readonly Constant[];
    }
  | {
      readonly kind: "absent";
      readonly holder: ts.Expression;
      readonly missing: OptionPath;
      readonly through: readonly Constant[];
    }
  | Computed
  | (Range & { readonly kind: "missing"; readonly reason: string });

type Step = {
  readonly node: ts.Expression;
  readonly property: ts.ObjectLiteralElementLike | ts.Expression | null;
  readonly key: ts.Node | null;
  readonly through: readonly Constant[];
};

export function locateNode(files: Files, file: string, name: string | null, path: OptionPath): LocatedNode {
  const call = findCall(files, file, name);
  if (call.kind === "computed") return call;
  if (call.kind === "missing") return { ...call, ...topOf(files, file) };
  const [first] = path;
  if (name !== null && call.name !== undefined && path.length === 1 && first === "name")
    return end(call.node.getSourceFile(), files, { node: call.name, property: null, key: null, through: [] });
  if (call.options === undefined) return { kind: "absent", holder: call.node, missing: path, through: [] };
  let step: Step = { node: call.options, property: null, key: null, through: [] };
  for (const [index, part] of path.entries()) {
    const followed = follow(files, step.node);
    if (followed.kind === "computed") return followed;
    const through = [...step.through, ...followed.through];
    const inner = member(files, followed.node, part, through);
    if (inner.kind === "computed") return inner;
    if (inner.kind === "absent") return { kind: "absent", holder: followed.node, missing: path.slice(index), through };
    step = inner.step;
  }
  return end(call.node.getSourceFile(), files, step);
}

function topOf(files: Files, file: string): Range {
  const source = parse(files, file);
  return source === undefined ? { file, start: 0, end: 0, line: 1, column: 1 } : rangeAt(source, 0, 0);
}

type Member = { readonly kind: "step"; readonly step: Step } | { readonly kind: "absent" } | Computed;

function member(files: Files, node: ts.Expression, part: string | number, through: readonly Constant[]): Member {
  const api = typescript();
  if (typeof part === "number") {
    if (!api.isArrayLiteralExpression(node)) return computed(node, "it is not written as an array");
    const spread = node.elements.slice(0, part + 1).find(api.isSpreadElement);
    if (spread !== undefined) return computed(spread, "the elements before it are spread from another value");
    const element = node.elements[part];
    return element === undefined
      ? { kind: "absent" }
      : { kind: "step", step: { node: element, property: element, key: null, through } };
  }
  if (!api.isObjectLiteralExpression(node)) return computed(node, `${brief(node)} is not written as an object`);
  return property(files, node, part, through);
}

/** The last member that says `part`: later ones win, and a spread is looked into. */
function property(
  files: Files,
  object: ts.ObjectLiteralExpression,
  part: string,
  through: readonly Constant[],
): Member {
  const api = typescript();
  for (const one of [...object.properties].reverse()) {
    if (api.isSpreadAssignment(one)) {
      const spread = follow(files, one.expression);
      if (spread.kind === "computed") return spread;
      if (!api.isObjectLiteralExpression(spread.node)) return computed(one, `${brief(one)} may set it`);
      const inner = property(files, spread.node, part, [...through, ...spread.through]);
      if (inner.kind !== "absent") return inner;
      continue;
    }
    const key = keyOf(one.name);
    if (key === undefined) return computed(one, `the key ${brief(one.name)} is computed`);
    if (key !== part) continue;
    if (api.isPropertyAssignment(one))
      return { kind: "step", step: { node: one.initializer, property: one, key: one.name, through } };
    if (api.isShorthandPropertyAssignment(one))
      return { kind: "step", step: { node: one.name, property: one, key: one.name, through } };
    return computed(one, `${part} is a function`);
  }
  return { kind: "absent" };
}

function keyOf(name: ts.PropertyName): string | undefined {
  const api = typescript();
  if (api.isIdentifier(name) || api.isStringLiteralLike(name) || api.isNumericLiteral(name)) return name.text;
  return api.isComputedPropertyName(name) && api.isStringLiteralLike(name.expression)
    ? name.expression.text
    : undefined;
}

function end(source: ts.SourceFile, files: Files, step: Step): LocatedNode {
  const followed = follow(files, step.node);
  if (followed.kind === "computed") return followed;
  if (!isWritten(source, followed.node)) return computed(followed.node, `${brief(followed.node)} is computed`);
  const through = [...step.through, ...followed.through];
  return { kind: "literal", ...step, node: followed.node, through, throughToProperty: step.through };
}

/** Whether the expression itself is the value: a literal, or `secret("...")`. */
function isWritten(source: ts.SourceFile, node: ts.Expression): boolean {
  const api = typescript();
  const { SyntaxKind } = api;
  if (api.isPrefixUnaryExpression(node)) return api.isNumericLiteral(node.operand);
  if (api.isCallExpression(node)) return calleeOf(source, node.expression) === "secret";
  if (api.isArrayLiteralExpression(node) || api.isObjectLiteralExpression(node)) return true;
  return (
    api.isStringLiteralLike(node) ||
    api.isNumericLiteral(node) ||
    [SyntaxKind.TrueKeyword, SyntaxKind.FalseKeyword, SyntaxKind.NullKeyword].includes(node.kind) ||
    (api.isIdentifier(node) && node.text === "undefined")
  );
}

const brief = (node: ts.Node): string => {
  const text = node.getText().replaceAll(/\s+/g, " ");
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
};
