import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import type { GitHub } from "../../platform/github/index.ts";
import { repositoryRefused } from "./errors.ts";

/** Repository-relative path to text. */
export type FileSet = ReadonlyMap<string, string>;

export type Declarations = {
  readonly files: FileSet;
  /** Every project of the tenant is in it: what nobody in it uses, nobody uses. */
  readonly wholeTenant: boolean;
};

export type FileReader = (host: GitHub, commit: string, tenant: string, project: string) => Promise<Declarations>;

/** Blobs are named by their content: what was read once is never read again while it is remembered. */
const rememberedBytes = 16 * 1024 * 1024;
const atOnce = 8;
/** A tenant with more files is read without its other projects. */
const wholeUpTo = 300;

/**
 * The declarations that an edit of one project may read: the project's folder and what its tenant shares among projects; of a
 * small tenant also its other projects, so that it shows who uses a shared value.
 */
export function makeFileReader(): FileReader {
  const blobs = new LRUCache<string, string>({ maxSize: rememberedBytes, sizeCalculation: (text) => text.length + 1 });
  return async (host, commit, tenant, project) => {
    const { files, truncated } = await host.listTree(commit);
    if (truncated) throw repositoryRefused("the repository has more files than the forge lists at once");
    const limit = pLimit(atOnce);
    const read = async ({ path, sha }: { path: string; sha: string }) => {
      const text = blobs.get(sha) ?? (await host.getBlob(sha));
      blobs.set(sha, text);
      return [path, text] as const;
    };
    const inTenant = files.filter(({ path }) => path.startsWith(`tenants/${tenant}/`) && path.endsWith(".ts"));
    const wholeTenant = inTenant.length <= wholeUpTo;
    const wanted = wholeTenant ? inTenant : inTenant.filter(({ path }) => isFor(path, project));
    return { files: new Map(await Promise.all(wanted.map((file) => limit(read, file)))), wholeTenant };
  };
}

/** `tenants/<tenant>/<file>`, `tenants/<tenant>/shared/...` and the project's own folder. */
export function isFor(path: string, project: string): boolean {
  const [, , folder, ...rest] = path.split("/");
  return rest.length === 0 || folder === "shared" || folder === project;
}
