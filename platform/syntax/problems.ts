import type ts from "typescript";
import { type Files, parse, type Range, rangeAt, rangeOf } from "./source.ts";
import { typescript } from "./typescript.ts";

export type SyntaxProblem = Range & { readonly message: string };

/** Every syntax error of a file with its place, and TypeScript that cannot be erased (enums, namespaces and the like). */
export function syntaxProblems(files: Files, file: string): SyntaxProblem[] {
  const source = parse(files, file);
  if (source === undefined) return [];
  const { flattenDiagnosticMessageText, transpileModule, ModuleKind, ScriptTarget } = typescript();
  const { diagnostics = [] } = transpileModule(source.text, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ESNext },
  });
  const errors = diagnostics.map((one) => ({
    ...rangeAt(source, one.start ?? 0, (one.start ?? 0) + (one.length ?? 0)),
    message: flattenDiagnosticMessageText(one.messageText, " "),
  }));
  return errors.length > 0 ? errors : unerasable(source);
}

function unerasable(source: ts.SourceFile): SyntaxProblem[] {
  const api = typescript();
  const found: SyntaxProblem[] = [];
  const visit = (node: ts.Node): void => {
    const what = unerasableKind(node);
    if (what !== undefined) found.push({ ...rangeOf(node), message: `${what} is TypeScript that cannot be erased` });
    else api.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function unerasableKind(node: ts.Node): string | undefined {
  const api = typescript();
  if (api.isEnumDeclaration(node)) return "an enum";
  if (api.isModuleDeclaration(node)) return "a namespace";
  if (api.isImportEqualsDeclaration(node)) return "import =";
  if (api.isExportAssignment(node) && node.isExportEquals) return "export =";
  if (api.isDecorator(node)) return "a decorator";
  if (api.isParameter(node) && api.isParameterPropertyDeclaration(node, node.parent)) return "a parameter property";
  return undefined;
}

export type ImportOf = Range & { readonly specifier: string };

/** Every module a file imports at run time, with the place of its name; `import type` is none. */
export function importsOf(files: Files, file: string): ImportOf[] {
  const source = parse(files, file);
  if (source === undefined) return [];
  const api = typescript();
  const found: ImportOf[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined && api.isStringLiteralLike(specifier))
      found.push({ ...rangeOf(specifier), specifier: specifier.text });
    api.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  const api = typescript();
  if (api.isImportDeclaration(node)) return node.importClause?.isTypeOnly ? undefined : node.moduleSpecifier;
  if (api.isExportDeclaration(node)) return node.isTypeOnly ? undefined : node.moduleSpecifier;
  return api.isCallExpression(node) && node.expression.kind === api.SyntaxKind.ImportKeyword
    ? node.arguments[0]
    : undefined;
}
