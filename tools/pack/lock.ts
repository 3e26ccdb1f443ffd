import { createHash } from "node:crypto";

type Entry = {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly link?: boolean;
  readonly [member: string]: unknown;
};
export type Lock = { readonly packages: Readonly<Record<string, Entry>> };
type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
};

/**
 * The lock file of a tenant repository: what the packed platform needs, at the versions that this repository is tested with.
 * It is cut out of this repository's own lock: a part of a valid tree that follows every dependency is a valid tree.
 */
export function lockFor(
  lock: Lock,
  root: Manifest,
  vendored: { readonly manifest: Manifest; readonly path: string; readonly bytes: Buffer },
): Record<string, unknown> {
  const kept = new Map<string, Entry>();
  const keep = (from: string, name: string, optional: boolean): void => {
    const place = placeOf(lock, from, name);
    if (place === undefined) {
      if (optional) return;
      throw new Error(`package-lock.json holds no ${name}, which ${from || "the platform"} needs`);
    }
    if (kept.has(place)) return;
    const { dev: _dev, peer: _peer, devOptional: _devOptional, ...entry } = lock.packages[place] ?? {};
    kept.set(place, entry);
    for (const dependency of Object.keys(entry.dependencies ?? {})) keep(place, dependency, false);
    for (const dependency of Object.keys(entry.optionalDependencies ?? {})) keep(place, dependency, true);
    for (const dependency of Object.keys(entry.peerDependencies ?? {}))
      keep(place, dependency, entry.peerDependenciesMeta?.[dependency]?.optional ?? false);
  };
  const { manifest, path, bytes } = vendored;
  for (const name of Object.keys(manifest.dependencies ?? {})) keep("", name, false);
  for (const name of Object.keys(root.devDependencies ?? {})) keep("", name, false);
  const platform = {
    version: manifest.version,
    resolved: `file:${path}`,
    integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}`,
    license: "Apache-2.0",
    dependencies: manifest.dependencies ?? {},
    ...(manifest.bin === undefined ? {} : { bin: manifest.bin }),
  };
  const packages = [...kept, [`node_modules/${manifest.name}`, platform] as const].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    name: root.name,
    version: root.version,
    lockfileVersion: 3,
    requires: true,
    packages: { "": root, ...Object.fromEntries(packages) },
  };
}

/** Where Node would find it: beside the package that asks, then one folder up, and so on. */
function placeOf(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const place = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (lock.packages[place] !== undefined && lock.packages[place]?.link !== true) return place;
    if (folder === "") return undefined;
  }
}
