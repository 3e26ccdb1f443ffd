import { posix } from "node:path";
import type ts from "typescript";
import { type Files, parse, type Range, rangeOf } from "./source.ts";
import { typescript } from "./typescript.ts";

/** An expression after following constants to where the value is written, or the reason why that cannot be told. */
export type Followed =
  | { readonly kind: "written"; readonly node: ts.Expression; readonly through: readonly Constant[] }
  | Computed;

/** A value that code computes: the tree does not say what it is. */
export type Computed = Range & { readonly kind: "computed"; readonly reason: string };

/** A constant that stands between the declaration and the value. Other declarations may use it too. */
export type Constant = Range & { readonly name: string };

export const computed = (node: ts.Node, reason: string): Computed => ({ kind: "computed", reason, ...rangeOf(node) });

const mostSteps = 32;

/** Follows parentheses, `as`, `satisfies`, constants of this file, imported constants and members of constant objects. */
export function follow(files: Files, start: ts.Expression): Followed {
  const api = typescript();
  const through: Constant[] = [];
  let node = start;
  for (let step = 0; step < mostSteps; step += 1) {
    if (
      api.isParenthesizedExpression(node) ||
      api.isAsExpression(node) ||
      api.isSatisfiesExpression(node) ||
      api.isNonNullExpression(node)
    ) {
      node = node.expression;
      continue;
    }
    if (api.isPropertyAccessExpression(node)) {
      const member = memberOf(files, node);
      if (member.kind === "computed") return member;
      through.push(...member.through);
      node = member.node;
      continue;
    }
    if (!api.isIdentifier(node) || node.text === "undefined") return { kind: "written", node, through };
    const found = constantNamed(files, node);
    if (found.kind === "computed") return found;
    through.push({ name: node.text, ...rangeOf(found.node) });
    node = found.node;
  }
  return computed(start, "it is defined through itself");
}

function memberOf(files: Files, access: ts.PropertyAccessExpression): Followed {
  const api = typescript();
  const object = follow(files, access.expression);
  if (object.kind === "computed") return object;
  if (!api.isObjectLiteralExpression(object.node)) return computed(access, `${access.getText()} is not a constant`);
  const member = [...object.node.properties].reverse().find((one) => one.name?.getText() === access.name.text);
  if (member === undefined || !api.isPropertyAssignment(member))
    return computed(access, `${access.getText()} is computed`);
  const inner: Constant = { name: access.getText(), ...rangeOf(member.initializer) };
  return { kind: "written", node: member.initializer, through: [...object.through, inner] };
}

type Found = { readonly kind: "found"; readonly node: ts.Expression } | Computed;

function constantNamed(files: Files, use: ts.Identifier): Found {
  const api = typescript();
  for (let scope: ts.Node = use.parent; scope !== undefined; scope = scope.parent) {
    if (api.isFunctionLike(scope) && scope.parameters.some((one) => declares(one.name, use.text)))
      return computed(use, `${use.text} is a parameter of a function`);
    if (
      (api.isForOfStatement(scope) || api.isForInStatement(scope) || api.isForStatement(scope)) &&
      scope.initializer !== undefined &&
      api.isVariableDeclarationList(scope.initializer) &&
      scope.initializer.declarations.some((one) => declares(one.name, use.text))
    )
      return computed(use, `${use.text} is the variable of a loop`);
    if (api.isBlock(scope) || api.isSourceFile(scope)) {
      const found = declaredIn(files, scope.statements, use);
      if (found !== undefined) return found;
    }
  }
  return computed(use, `${use.text} is not defined in this file`);
}

const declares = (binding: ts.BindingName, name: string): boolean =>
  typescript().isIdentifier(binding)
    ? binding.text === name
    : binding.elements.some((one) => typescript().isBindingElement(one) && declares(one.name, name));

function declaredIn(files: Files, statements: readonly ts.Statement[], use: ts.Identifier): Found | undefined {
  const api = typescript();
  for (const statement of statements) {
    if (api.isVariableStatement(statement)) {
      const declaration = statement.declarationList.declarations.find((one) => declares(one.name, use.text));
      if (declaration !== undefined) return initializer(declaration, use);
    }
    if (api.isImportDeclaration(statement)) {
      const imported = importedName(statement, use.text);
      if (imported !== undefined) return exported(files, statement, imported, use);
    }
    if (api.isFunctionDeclaration(statement) && statement.name?.text === use.text)
      return computed(use, `${use.text} is a function`);
  }
  return undefined;
}

function initializer(declaration: ts.VariableDeclaration, use: ts.Identifier): Found {
  const api = typescript();
  if (!(declaration.parent.flags & api.NodeFlags.Const))
    return computed(use, `${use.text} is a variable, not a constant`);
  if (declaration.initializer === undefined || !api.isIdentifier(declaration.name))
    return computed(use, `${use.text} is taken out of another value`);
  return { kind: "found", node: declaration.initializer };
}

/** The name that the other file exports under `local`; undefined when this import does not bring it. */
export function importedName(statement: ts.ImportDeclaration, local: string): string | undefined {
  const api = typescript();
  const { name, namedBindings } = statement.importClause ?? {};
  if (name?.text === local) return "default";
  if (namedBindings === undefined) return undefined;
  if (api.isNamespaceImport(namedBindings)) return namedBindings.name.text === local ? "*" : undefined;
  const element = namedBindings.elements.find((one) => one.name.text === local);
  return element === undefined ? undefined : (element.propertyName ?? element.name).text;
}

function exported(files: Files, statement: ts.ImportDeclaration, name: string, use: ts.Identifier): Found {
  const api = typescript();
  const from = api.isStringLiteral(statement.moduleSpecifier) ? statement.moduleSpecifier.text : "";
  if (!from.startsWith(".")) return computed(use, `${use.text} comes from ${from}`);
  const other = parse(files, posix.join(posix.dirname(use.getSourceFile().fileName), from));
  if (other === undefined) return computed(use, `${from} does not exist`);
  if (name === "*") return computed(use, `${use.text} is everything that ${from} exports`);
  return exportOf(files, other, name) ?? computed(use, `${from} exports no constant ${name}`);
}

function exportOf(files: Files, source: ts.SourceFile, name: string): Found | undefined {
  const api = typescript();
  for (const statement of source.statements) {
    if (api.isExportAssignment(statement) && name === "default") return { kind: "found", node: statement.expression };
    if (api.isVariableStatement(statement)) {
      const declaration = statement.declarationList.declarations.find((one) => declares(one.name, name));
      if (declaration !== undefined && api.isIdentifier(declaration.name))
        return initializer(declaration, declaration.name);
    }
    if (api.isExportDeclaration(statement) && statement.exportClause && api.isNamedExports(statement.exportClause)) {
      const element = statement.exportClause.elements.find((one) => one.name.text === name);
      if (element === undefined) continue;
      const local = element.propertyName ?? element.name;
      if (statement.moduleSpecifier === undefined)
        return api.isIdentifier(local) ? declaredIn(files, source.statements, local) : undefined;
      return computed(element, `${name} is exported again from another file`);
    }
  }
  return undefined;
}
