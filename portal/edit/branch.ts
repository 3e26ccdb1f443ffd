import { declaredNames, vocabularyModule } from "../../platform/syntax/index.ts";
import { newFile } from "./database.ts";
import { fileOf, readable, requireProject } from "./find.ts";
import { block } from "./render.ts";
import type { Style } from "./style.ts";
import { type DatabasePlace, type FileEdits, type FileSet, type OptionsPatch, projectFolder } from "./types.ts";

/**
 * A new file that declares a branch: it imports its parent where the parent has a file of its own, else it names it.
 * @throws NEB641 when the name is taken, NEB642 when there is no such project or parent. What the options say is checked before.
 */
export function createBranch(
  files: FileSet,
  wanted: DatabasePlace & { readonly of: string; readonly options: OptionsPatch },
): FileEdits {
  const { of, options, ...place } = wanted;
  requireProject(files, place);
  const parentFile = fileOf(files, { ...place, name: of });
  const { path, style } = newFile(files, place);
  const { quote, eol, semicolon } = style;
  const own = parentFile === `${projectFolder(place)}/${of}.ts` && declaredNames(files, parentFile).length === 1;
  const parent = own ? identifierOf(of) : `${quote}${of}${quote}`;
  const content = [
    `import { Branch } from ${quote}${vocabularyModule}${quote}${semicolon}`,
    ...(own ? [`import ${parent} from ${quote}./${of}.ts${quote}${semicolon}`] : []),
    "",
    `export default new Branch(${quote}${place.name}${quote}, ${optionsText(parent, options, style)})${semicolon}`,
    "",
  ].join(eol);
  readable(new Map(files).set(path, content), path);
  return { changes: [{ path, content }] };
}

/** The options with `of` first: the only one that is code and not a literal. */
function optionsText(parent: string, options: OptionsPatch, style: Style): string {
  const first = `{${style.eol}${style.indent}of: ${parent},`;
  return Object.keys(options).length === 0 ? `{ of: ${parent} }` : block(options, style).replace("{", first);
}

const words = new Set(
  `await break case catch class const continue debugger default delete do else enum export extends false finally for function if
   implements import in instanceof interface let new null package private protected public return static super switch this throw true
   try typeof var void while with yield arguments eval undefined async of`.split(/\s+/),
);

/** `new-orders` as a name in code: `newOrders`. */
function identifierOf(name: string): string {
  const text = name.replaceAll(/-+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return words.has(text) ? "parent" : text;
}
