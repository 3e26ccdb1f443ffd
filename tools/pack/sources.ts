import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, normalize } from "node:path";

/** A source file of the package: its path inside platform/ and its text. */
export type Sources = ReadonlyMap<string, string>;

/** A relative path to a TypeScript file in a string: an import, `new URL("./child.ts", import.meta.url)`, a worker's file. */
export const relativeModule = /(["'])(\.{1,2}\/[^"'\n]*)\.ts\1/g;

/**
 * The files that the entry points reach, in path order. Every quoted relative path to a TypeScript file that exists counts:
 * what a file forks or loads later is packed as well.
 */
export function collectSources(platform: string, entries: readonly string[]): Sources {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    const text = readFileSync(join(platform, path), "utf8");
    found.set(path, text);
    for (const [, , module] of text.matchAll(relativeModule)) {
      const target = normalize(join(dirname(path), `${module}.ts`));
      if (!target.startsWith("..") && existsSync(join(platform, target))) visit(target);
    }
  };
  for (const entry of entries) visit(normalize(entry));
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `from "x"`, `import("x")`, `createRequire(import.meta.url)("x")`. Not SQL's `is distinct from 'x'`: our code quotes doubly. */
const importOfPackage =
  /(?:\bfrom\s*(?=")|\bimport\s*\(?\s*|createRequire\([^()]*\)\(\s*)["'](@?[a-z0-9][\w.:/-]*)["']/g;

/** The npm packages that emitted files import, each at exactly the installed version. */
export function dependenciesOf(platform: string, emitted: Iterable<string>): Record<string, string> {
  const names = new Set<string>();
  for (const text of emitted)
    for (const [, specifier = ""] of text.matchAll(importOfPackage))
      if (!specifier.startsWith("node:")) names.add(packageOf(specifier));
  const require = createRequire(join(platform, "package.json"));
  return Object.fromEntries([...names].sort().map((name) => [name, installedVersion(require, name)]));
}

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Found by walking the folders: many packages do not export their package.json. */
function installedVersion(require: NodeJS.Require, name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    const file = join(folder, name, "package.json");
    if (existsSync(file)) return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  }
  throw new Error(`${name} is imported by platform/ but not installed; run npm ci`);
}

export function hashOf(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(String(text.length)).update("\0").update(text);
  return hash.digest("hex");
}
