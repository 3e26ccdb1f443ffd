/**
 * What a tenant repository starts with: the templates in portal/seed/, the declarations in tenants/, the packed platform in
 * vendor/, and a package.json with its lock file. `node tools/seed-repository.ts FOLDER` writes it there.
 *
 * 1. The same checkout gives the same bytes: a first start that died half-way makes nothing new when it is repeated.
 * 2. The lock file is a part of this repository's own: tenants get the versions that were tested.
 *
 * The portal runs this file as a worker at its first start: what it takes to pack is gone from memory afterwards.
 */
import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { type Lock, lockFor } from "./pack/lock.ts";
import { packPlatform } from "./pack-platform.ts";

export type SeedFiles = ReadonlyMap<string, Uint8Array>;

/** @param root the checkout. @param cache where the packed platform is kept. */
export async function seedFiles(root: string, cache: string): Promise<SeedFiles> {
  const packed = await packPlatform(root, cache);
  const tarball = readFileSync(packed.file);
  const vendored = `vendor/${packed.name}`;
  const manifest = manifestOf(root, vendored);
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  return new Map<string, Uint8Array>([
    ...filesBelow(join(root, "portal/seed"), ""),
    ...filesBelow(join(root, "tenants"), "tenants/"),
    ["package.json", toJson(manifest)],
    [
      "package-lock.json",
      toJson(lockFor(lock, manifest, { manifest: packed.manifest, path: vendored, bytes: tarball })),
    ],
    [vendored, tarball],
  ]);
}

function manifestOf(root: string, vendored: string) {
  const typescript = JSON.parse(readFileSync(join(root, "node_modules/typescript/package.json"), "utf8")) as {
    version: string;
  };
  return {
    name: "tenants",
    version: "0.0.0",
    private: true,
    type: "module",
    engines: { node: ">=24" },
    scripts: { check: "tsc -p tsconfig.json" },
    dependencies: { "@nebuladb/platform": `file:${vendored}` },
    devDependencies: { typescript: typescript.version },
  };
}

function filesBelow(folder: string, prefix: string): [string, Uint8Array][] {
  return globSync(["**", "**/.*", "**/.*/**"], { cwd: folder, exclude: (name) => name === "node_modules" })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort()
    .map((path) => [`${prefix}${path.replaceAll("\\", "/")}`, readFileSync(join(folder, path))]);
}

const toJson = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);

if (!isMainThread && parentPort !== null && (workerData as { seed?: unknown } | null)?.seed === true) {
  const { root, cache } = workerData as { root: string; cache: string };
  parentPort.postMessage(await seedFiles(root, cache));
} else if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  const folder = process.argv[2];
  if (folder === undefined) throw new Error("name the folder to write to");
  for (const [path, bytes] of await seedFiles(root, join(root, "dist"))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
    console.log(relative(process.cwd(), join(folder, path)));
  }
}
