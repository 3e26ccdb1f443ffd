import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import type { GitHub } from "../../platform/github/index.ts";
import { repositoryRefused } from "./errors.ts";

export type FileSet = ReadonlyMap<string, string>;

export type FileReader = (host: GitHub, commit: string, tenant: string, project: string) => Promise<FileSet>;

/** Blobs are named by their content: what was read once is never read again while it is remembered. */
const rememberedBytes = 16 * 1024 * 1024;
const atOnce = 8;

/**
 * The declarations that an edit of one project may read: the project's folder, and what its tenant shares among projects. Other
 * projects of the tenant are left out, whatever their number.
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
    return new Map(await Promise.all(relevant(files, tenant, project).map((file) => limit(read, file))));
  };
}

function relevant<F extends { readonly path: string }>(files: readonly F[], tenant: string, project: string): F[] {
  const root = `tenants/${tenant}/`;
  const inTenant = files.filter(({ path }) => path.startsWith(root) && path.endsWith(".ts"));
  const folderOf = (path: string) => path.slice(root.length).split("/").slice(0, -1)[0];
  const projects = new Set(
    inTenant
      .filter(({ path }) => /^[^/]+\/project\.ts$/.test(path.slice(root.length)))
      .map(({ path }) => folderOf(path)),
  );
  projects.delete(project);
  return inTenant.filter(({ path }) => !projects.has(folderOf(path)));
}
