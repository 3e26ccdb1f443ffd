import type ts from "typescript";
import { type Computed, computed, follow, importedName } from "./follow.ts";
import { type Files, parse, rangeAt, rangeOf } from "./source.ts";
import { typescript } from "./typescript.ts";

/** The module that declarations import their vocabulary from. */
export const vocabularyModule = "@nebuladb/platform";
const classes = ["Postgres", "MySQL", "MariaDB", "MongoDB", "Redis", "Elasticsearch", "Branch", "Bucket"];

/** A call of the vocabulary: `new Postgres("orders", {...})`, `project({...})`. */
export type Call = {
  readonly kind: "call";
  readonly node: ts.NewExpression | ts.CallExpression;
  /** `Postgres`, `project`, whatever the file calls it. */
  readonly callee: string;
  /** The expression that names a database; undefined for the other declarations. */
  readonly name: ts.Expression | undefined;
  readonly options: ts.Expression | undefined;
};

export type Missing = { readonly kind: "missing"; readonly reason: string };

/**
 * The call that declares `name` in a file: the one whose name is written there, or follows from a constant. With `name`
 * null the file's only call of a function (`project`, `tenant`, a fleet function).
 */
export function findCall(files: Files, file: string, name: string | null): Call | Computed | Missing {
  const source = parse(files, file);
  if (source === undefined) return { kind: "missing", reason: `${file} does not exist` };
  const calls = callsIn(source);
  if (name === null) {
    const call = calls.find((one) => one.name === undefined);
    return call ?? notWritten(files, source, calls);
  }
  const named = calls.filter((one) => one.name !== undefined && nameOf(files, one.name) === name);
  if (named.length > 1 && named[1] !== undefined) return computed(named[1].node, `"${name}" is declared twice`);
  return named[0] ?? notWritten(files, source, calls);
}

/** The databases that a file declares with a written name, in order. */
export function declaredNames(files: Files, file: string): string[] {
  const source = parse(files, file);
  return source === undefined
    ? []
    : callsIn(source).flatMap((call) => {
        const name = call.name === undefined ? undefined : nameOf(files, call.name);
        return name === undefined ? [] : [name];
      });
}

function nameOf(files: Files, expression: ts.Expression): string | undefined {
  const followed = follow(files, expression);
  return followed.kind === "written" && typescript().isStringLiteralLike(followed.node)
    ? followed.node.text
    : undefined;
}

/** No call with that name is written: say what makes it instead, at the best place there is. */
function notWritten(files: Files, source: ts.SourceFile, calls: readonly Call[]): Computed | Missing {
  const api = typescript();
  const unnamed = calls.find((one) => one.name !== undefined && nameOf(files, one.name) === undefined);
  if (unnamed !== undefined) return computed(unnamed.node, "its name is computed, by a loop or a function");
  const exported = source.statements.find(api.isExportAssignment);
  if (exported === undefined) return { kind: "missing", reason: `${source.fileName} has no default export` };
  const value = follow(files, exported.expression);
  if (value.kind === "computed") return value;
  if (api.isCallExpression(value.node)) return computed(value.node, `it is made by ${value.node.expression.getText()}`);
  return { kind: "missing", reason: `${source.fileName} does not declare it` };
}

function callsIn(source: ts.SourceFile): Call[] {
  const api = typescript();
  const found: Call[] = [];
  const visit = (node: ts.Node): void => {
    if (api.isNewExpression(node) || api.isCallExpression(node)) {
      const callee = calleeOf(source, node.expression);
      const [first, second] = node.arguments ?? [];
      if (callee !== undefined && api.isNewExpression(node) && classes.includes(callee))
        found.push({ kind: "call", node, callee, name: first, options: second });
      else if (callee !== undefined && api.isCallExpression(node) && callee !== "secret")
        found.push({ kind: "call", node, callee, name: undefined, options: first });
    }
    api.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The vocabulary's own name of what is called; undefined when it comes from elsewhere. */
export function calleeOf(source: ts.SourceFile, callee: ts.Expression): string | undefined {
  const api = typescript();
  for (const statement of source.statements) {
    if (!api.isImportDeclaration(statement) || !api.isStringLiteral(statement.moduleSpecifier)) continue;
    if (statement.moduleSpecifier.text !== vocabularyModule) continue;
    if (api.isIdentifier(callee)) {
      const name = importedName(statement, callee.text);
      if (name !== undefined) return name;
    }
    if (api.isPropertyAccessExpression(callee) && importedName(statement, callee.expression.getText()) === "*")
      return callee.name.text;
  }
  return undefined;
}

/** Where a declaration stands, for messages: the call itself, else the best place, else the top of the file. */
export function locateDeclaration(files: Files, file: string, name: string | null) {
  const call = findCall(files, file, name);
  if (call.kind === "call") return { kind: "call" as const, callee: call.callee, ...rangeOf(call.node) };
  if (call.kind === "computed") return call;
  const source = parse(files, file);
  const top = source === undefined ? { file, start: 0, end: 0, line: 1, column: 1 } : rangeAt(source, 0, 0);
  return { ...call, ...top };
}
