import { readdirSync, readFileSync } from "node:fs";
import { dirname, extname, join, parse, posix } from "node:path";
import { vocabularyModule } from "../../syntax/index.ts";
import { strip } from "./strip.ts";

export const preludeModule = "nebula:sandbox";

/** The modules that exist in the sandbox besides the tenant's own, by name, ready to run. */
export type BuiltIn = ReadonlyMap<string, string>;

/** Reads the vocabulary and the prelude once. They are `.ts` in this repository and `.js` where the package is installed. */
export function readBuiltIn(): BuiltIn {
  const here = import.meta.dirname;
  const extension = extname(import.meta.filename);
  const declare = join(dirname(dirname(here)), "declare");
  const files = readdirSync(declare).filter((file) => file.endsWith(extension) && !/\.(test|d)\.[jt]s$/.test(file));
  return new Map([
    [preludeModule, load(join(here, `prelude${extension}`))],
    ...files.map((file): [string, string] => [`${vocabularyModule}/${parse(file).name}`, load(join(declare, file))]),
  ]);
}

function load(file: string): string {
  const text = readFileSync(file, "utf8");
  if (!file.endsWith(".ts")) return text;
  const stripped = strip(text);
  if (stripped.kind !== "stripped") throw new Error(`${file} cannot be stripped of its types`);
  // Blank lines cost every evaluation a little and nobody reads positions inside the vocabulary.
  return stripped.text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\n/gm, "");
}

/** The name of what a built-in module imports; undefined when it is not one of them. */
export function resolveBuiltIn(from: string, specifier: string): string | undefined {
  if (specifier === vocabularyModule) return `${vocabularyModule}/index`;
  if (!from.startsWith(`${vocabularyModule}/`) || !specifier.startsWith("./")) return undefined;
  return `${vocabularyModule}/${posix.parse(specifier).name}`;
}
