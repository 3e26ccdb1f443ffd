import { posix } from "node:path";
import type { DeclarationProblem } from "../../spec/index.ts";
import { type Files, importsOf, syntaxProblems } from "../../syntax/index.ts";
import { importNotFound, importRefused, outOfMemory, problemAt, syntaxError, topOf } from "../errors.ts";
import { mayImport, type Placed } from "../layout.ts";
import { type Loader, mainModule, type Sandbox } from "./sandbox.ts";
import { type Stripped, strip } from "./strip.ts";
import { type BuiltIn, preludeModule, resolveBuiltIn } from "./vocabulary.ts";

/** What one evaluation (of a project, a tenant or the fleet) works with, and where its problems gather. */
export type Workspace = {
  readonly files: Files;
  readonly home: Placed;
  readonly builtIn: BuiltIn;
  readonly sandbox: Sandbox;
  readonly memoryBytes: number;
  /** On the clock of performance.now(). */
  readonly deadline: number;
  readonly stripped: Map<string, Stripped>;
  /** Told before a file's program runs. */
  readonly onRun: (file: string) => void;
  readonly problems: DeclarationProblem[];
  /** Set when this process must not evaluate anything more. */
  broken: boolean;
};

/** The modules of one run. Whatever it refuses is a problem, even where the program catches the error. */
export function makeLoader(workspace: Workspace, entry: string): Loader {
  return {
    resolve: (from, specifier) => {
      if (from === mainModule)
        return specifier === preludeModule || specifier === entry ? specifier : new Error("refused");
      const builtIn = resolveBuiltIn(from, specifier);
      if (builtIn !== undefined) return builtIn;
      const found = resolveImport(workspace, from, specifier);
      if (found.kind === "path") return found.path;
      reportImports(workspace, from, specifier);
      return new Error(found.message);
    },
    load: (name) => workspace.builtIn.get(name) ?? loadTenantModule(workspace, name),
  };
}

type Import =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "refused" | "absent"; readonly message: string };

function resolveImport({ files, home }: Workspace, from: string, specifier: string): Import {
  const named = JSON.stringify(specifier.slice(0, 100));
  if (!specifier.startsWith("./") && !specifier.startsWith("../"))
    return { kind: "refused", message: `${named} cannot be imported by a declaration` };
  const path = posix.join(posix.dirname(from), specifier);
  if (!mayImport(home, path)) return { kind: "refused", message: `${named} is outside of what this file may import` };
  if (!path.endsWith(".ts") || path.endsWith(".d.ts"))
    return { kind: "refused", message: `${named} does not name a .ts file` };
  return files.has(path) ? { kind: "path", path } : { kind: "absent", message: `${named} is not there: ${path}` };
}

/** All the bad imports of a file at once, each at its place; the one at hand even when the tree does not show it. */
function reportImports(workspace: Workspace, from: string, specifier: string): void {
  const all = importsOf(workspace.files, from);
  const imports = all.some((one) => one.specifier === specifier) ? all : [...all, { ...topOf(from), specifier }];
  for (const one of imports) {
    if (resolveBuiltIn(from, one.specifier) !== undefined) continue;
    const found = resolveImport(workspace, from, one.specifier);
    if (found.kind === "path") continue;
    const fault = found.kind === "refused" ? importRefused : importNotFound;
    workspace.problems.push(problemAt(fault, one, found.message));
  }
}

function loadTenantModule(workspace: Workspace, path: string): string | Error {
  const { files, stripped, problems } = workspace;
  const result = stripped.get(path) ?? strip(files.get(path) ?? "");
  stripped.set(path, result);
  switch (result.kind) {
    case "stripped":
      return result.text;
    case "invalid":
      problems.push(...invalidSyntax(files, path, result.message));
      return new Error(`${path} has a syntax error`);
    case "broken":
      workspace.broken = true;
      problems.push(problemAt(outOfMemory, topOf(path), "the file is nested too deeply to be read"));
      return new Error(`${path} is nested too deeply`);
  }
}

function invalidSyntax(files: Files, path: string, message: string): DeclarationProblem[] {
  const found = syntaxProblems(files, path);
  return found.length === 0
    ? [problemAt(syntaxError, topOf(path), message.split("\n")[0] ?? "it cannot be read")]
    : found.map((one) => problemAt(syntaxError, one, one.message));
}
