import { stripTypeScriptTypes } from "node:module";
import ts from "typescript";
import { relativeModule, type Sources } from "./sources.ts";

/** Node refuses TypeScript under node_modules: the same text without its types, and with the new extensions. */
export const toJavaScript = (text: string): string => rename(stripTypeScriptTypes(text, { mode: "strip" }));

/**
 * A file's declarations, from its text alone (TypeScript's `isolatedDeclarations`): no program is checked for it.
 * @throws Error when the file exports something without saying its type.
 */
export function toDeclarations(path: string, text: string): string {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(text, {
    fileName: path,
    compilerOptions: { isolatedDeclarations: true, target: ts.ScriptTarget.ES2024, module: ts.ModuleKind.NodeNext },
    reportDiagnostics: true,
  });
  const [problem] = diagnostics;
  if (problem !== undefined) {
    const line =
      problem.file === undefined ? 0 : ts.getLineAndCharacterOfPosition(problem.file, problem.start ?? 0).line;
    throw new Error(`${path}:${line + 1}: ${ts.flattenDiagnosticMessageText(problem.messageText, " ")}`);
  }
  return rename(outputText);
}

/** JavaScript of every file, and declarations of what tenants import. */
export function emitPackage(sources: Sources, typed: (path: string) => boolean): Map<string, string> {
  const emitted = new Map<string, string>();
  for (const [path, text] of sources) {
    emitted.set(path.replace(/\.ts$/, ".js"), toJavaScript(text));
    if (typed(path)) emitted.set(path.replace(/\.ts$/, ".d.ts"), toDeclarations(path, text));
  }
  return emitted;
}

const rename = (text: string): string => text.replaceAll(relativeModule, "$1$2.js$1");
