import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { dataFolderUnusable, diskFull } from "./errors.ts";

/** A file that is there whole or not at all. @throws NEB921, NEB922 */
export function writeWhole(path: string, text: string, mode: number): void {
  const draft = `${path}.${process.pid}.draft`;
  try {
    writeFileSync(draft, text, { mode, flush: true });
    renameSync(draft, path);
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw translateFolderError(thrown, path);
  }
}

/** The one place where the operating system's answers about a folder become ours. */
export function translateFolderError(thrown: unknown, folder: string): unknown {
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(`no space left for ${folder}`, { cause: thrown });
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return dataFolderUnusable(`${folder} cannot be written`, {
      cause: thrown,
      hint: `Give yourself write access to ${dirname(folder)}, or choose another place (--data DIR, NEBULA_CACHE).`,
    });
  if (code === "ENOTDIR" || code === "EEXIST")
    return dataFolderUnusable(`${folder} is not a folder`, { cause: thrown });
  return thrown;
}
