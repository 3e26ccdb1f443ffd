/**
 * A file out of a folder that somebody else may change at any moment: its server, or who has broken into it. We may read every file
 * of the machine; what is copied must be the server's own.
 */
import { constants } from "node:fs";
import { copyFile, open, stat } from "node:fs/promises";
import { backupFailed } from "./errors.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, COPYFILE_FICLONE } = constants;

/**
 * Blocks are shared where the file system can; else they are copied by the kernel. False when it is gone.
 * @throws NEB418 when it is none of `owner`'s files: a link was put in its place, or in that of a folder on the way to it.
 */
export async function copyOwnFile(from: string, to: string, owner: number): Promise<boolean> {
  const source = await open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return undefined;
    throw thrown.code === "ELOOP" ? backupFailed(`${from} is a link`, { cause: thrown }) : thrown;
  });
  if (source === undefined) return false;
  try {
    const found = await source.stat();
    if (!found.isFile() || found.uid !== owner)
      throw backupFailed(`${from} does not belong to the server in whose folder it lies`);
    const opened = process.platform === "linux" ? `/proc/self/fd/${source.fd}` : from;
    await copyFile(opened, to, COPYFILE_FICLONE);
    return true;
  } finally {
    await source.close();
  }
}

export const ownerIdOf = async (folder: string): Promise<number> => (await stat(folder)).uid;
