import { posix } from "node:path";
import type ts from "typescript";
import { type Constant, importedName } from "./follow.ts";
import { type Files, parse, type Range, rangeOf } from "./source.ts";
import { typescript } from "./typescript.ts";

/** A place that reads a constant. `member`: the one member that it reads; null: the whole, or what cannot be told. */
export type Reader = Range & { readonly member: string | null };

/**
 * Every place that reads a constant, in its own file and in those of the set that import it; undefined when it is no constant
 * of its own but a member of one. A doubtful place is listed: who asks wants to know whether a change stays alone.
 */
export function readersOf(files: Files, constant: Constant): Reader[] | undefined {
  const source = parse(files, constant.file);
  const bound = source && bindingOf(source, constant);
  if (source === undefined || bound === undefined) return undefined;
  const own = bound.local === null ? [] : reads(source, bound.local, bound.declaration);
  const outside = bound.exportedAs.flatMap((name) => importers(files, constant.file, name));
  return [...own, ...outside];
}

type Binding = {
  /** Its name in its own file; null for `export default <value>`. */
  readonly local: string | null;
  readonly declaration: ts.Node;
  readonly exportedAs: readonly string[];
};

function bindingOf(source: ts.SourceFile, { start, end }: Constant): Binding | undefined {
  const api = typescript();
  const is = (node: ts.Node | undefined) => node !== undefined && node.getStart() === start && node.getEnd() === end;
  let found: Binding | undefined;
  const visit = (node: ts.Node): void => {
    if (api.isExportAssignment(node) && is(node.expression))
      found = { local: null, declaration: node, exportedAs: ["default"] };
    if (api.isVariableDeclaration(node) && is(node.initializer) && api.isIdentifier(node.name))
      found = { local: node.name.text, declaration: node.name, exportedAs: exportNames(source, node) };
    if (found === undefined) api.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function exportNames(source: ts.SourceFile, declaration: ts.VariableDeclaration): string[] {
  const api = typescript();
  const local = declaration.name.getText();
  const statement = declaration.parent.parent;
  const direct =
    api.isVariableStatement(statement) &&
    statement.modifiers?.some((modifier) => modifier.kind === api.SyntaxKind.ExportKeyword) === true;
  const named = source.statements.flatMap((one) =>
    api.isExportDeclaration(one) && !one.moduleSpecifier && one.exportClause && api.isNamedExports(one.exportClause)
      ? one.exportClause.elements
          .filter((element) => (element.propertyName ?? element.name).text === local)
          .map((element) => element.name.text)
      : [],
  );
  return [...(direct ? [local] : []), ...named];
}

/** Identifiers of that name that are read: not the declaration, not keys, not names in import and export lists. */
function reads(source: ts.SourceFile, name: string, declaration?: ts.Node): Reader[] {
  const api = typescript();
  const found: Reader[] = [];
  const visit = (node: ts.Node): void => {
    if (api.isImportDeclaration(node) || api.isExportDeclaration(node)) return;
    if (api.isIdentifier(node) && node.text === name && node !== declaration && !isKey(node))
      found.push({ ...rangeOf(node), member: memberRead(node) });
    api.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isKey(node: ts.Identifier): boolean {
  const api = typescript();
  const { parent } = node;
  if (api.isPropertyAccessExpression(parent)) return parent.name === node;
  return (api.isPropertyAssignment(parent) || api.isMethodDeclaration(parent)) && parent.name === node;
}

/** The member in `name.member`, unless something is done to it that is more than reading. */
function memberRead({ parent }: ts.Identifier): string | null {
  const api = typescript();
  return api.isPropertyAccessExpression(parent) ? parent.name.text : null;
}

function importers(files: Files, file: string, name: string): Reader[] {
  const api = typescript();
  return [...files.keys()].flatMap((path) => {
    const source = path.endsWith(".ts") && path !== file ? parse(files, path) : undefined;
    return (source?.statements ?? []).flatMap((statement) => {
      if (!brings(statement, path, file)) return [];
      if (api.isExportDeclaration(statement)) return [{ ...rangeOf(statement), member: null }];
      return api.isImportDeclaration(statement) && source ? readsOfImport(source, statement, name) : [];
    });
  });
}

const brings = (statement: ts.Statement, path: string, file: string): boolean => {
  const api = typescript();
  if (!api.isImportDeclaration(statement) && !api.isExportDeclaration(statement)) return false;
  const specifier = statement.moduleSpecifier;
  if (specifier === undefined || !api.isStringLiteral(specifier) || !specifier.text.startsWith(".")) return false;
  return posix.join(posix.dirname(path), specifier.text) === file;
};

function readsOfImport(source: ts.SourceFile, statement: ts.ImportDeclaration, name: string): Reader[] {
  const api = typescript();
  const { name: local, namedBindings } = statement.importClause ?? {};
  const elements = namedBindings && api.isNamedImports(namedBindings) ? namedBindings.elements : [];
  const locals = [local, ...elements.map((element) => element.name)].flatMap((one) => one?.text ?? []);
  const own = locals.filter((one) => importedName(statement, one) === name).flatMap((one) => reads(source, one));
  if (namedBindings === undefined || !api.isNamespaceImport(namedBindings)) return own;
  const whole = reads(source, namedBindings.name.text).filter(({ member }) => member === null || member === name);
  return [...own, ...whole.map((one) => ({ ...one, member: null }))];
}

/** The files of the set that import a file, or export it again. */
export function importersOf(files: Files, file: string): string[] {
  return [...files.keys()].filter((path) =>
    path.endsWith(".ts") && path !== file
      ? (parse(files, path)?.statements ?? []).some((statement) => brings(statement, path, file))
      : false,
  );
}
