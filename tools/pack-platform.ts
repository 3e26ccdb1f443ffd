/**
 * Packs what a tenant repository depends on: `@nebuladb/platform` as built JavaScript, with the types that declarations import
 * and the program that `pulumi up` runs. `node tools/pack-platform.ts [FOLDER]` writes it there (default: dist/).
 *
 * 1. The same sources give the same bytes, so that a first start that died half-way finds what it made.
 * 2. Nothing is built again while no source changed: the file's name carries the hash of all that goes in.
 * 3. Dependencies are named at exactly the installed versions.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collectSources, dependenciesOf, hashOf, type Sources } from "./pack/sources.ts";
import { packTar } from "./pack/tar.ts";

/** What the package offers: its vocabulary (with types), its program, the provider that the program needs, and the sandbox. */
const entries = [
  "declare/index.ts",
  "program.ts",
  "provider/plugin.ts",
  "evaluate/inside/main.ts",
  "evaluate/inside/prelude.ts",
] as const;
const typed = (path: string): boolean => path.startsWith("declare/");
/** Counts up when this program packs otherwise. */
const packing = "1";

export type PackedPlatform = {
  /** Absolute path of the tarball. */
  readonly file: string;
  /** The name it has in a repository's vendor/ folder. */
  readonly name: string;
  /** Its package.json, as far as a lock file repeats it. */
  readonly manifest: ReturnType<typeof manifestOf>;
};

export async function packPlatform(root: string, folder: string): Promise<PackedPlatform> {
  const platform = join(root, "platform");
  const own = JSON.parse(readFileSync(join(platform, "package.json"), "utf8")) as { name: string; version: string };
  const sources = collectSources(platform, entries);
  const dependencies = dependenciesOf(platform, sources.values());
  const manifest = manifestOf(own, dependencies);
  const hash = hashOf(packing, JSON.stringify(manifest), ...[...sources].flat());
  const file = join(folder, `nebuladb-platform-${own.version}-${hash.slice(0, 16)}.tgz`);
  if (!existsSync(file)) await build(sources, manifest, file, folder);
  return { file, name: `nebuladb-platform-${own.version}.tgz`, manifest };
}

async function build(sources: Sources, manifest: object, file: string, folder: string): Promise<void> {
  const { emitPackage } = await import("./pack/emit.ts");
  const files = emitPackage(sources, typed);
  files.set("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
  mkdirSync(folder, { recursive: true });
  // Written beside and renamed: two that pack at once write the same bytes, and nobody reads half a file.
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, packTar(files));
  renameSync(partial, file);
}

const manifestOf = (own: { name: string; version: string }, dependencies: Readonly<Record<string, string>>) => ({
  name: own.name,
  version: own.version,
  description: "The vocabulary that tenants declare databases with, and the program that deploys them.",
  license: "Apache-2.0",
  type: "module",
  engines: { node: ">=24" },
  bin: { "pulumi-resource-nebula": "provider/plugin.js" },
  exports: {
    ".": { types: "./declare/index.d.ts", default: "./declare/index.js" },
    "./program": "./program.js",
    "./package.json": "./package.json",
  },
  dependencies,
});

if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  const packed = await packPlatform(root, process.argv[2] ?? join(root, "dist"));
  console.log(packed.file);
}
