import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Takes away what workers left whose reconciler was killed beside them: each has folders of its own, named by its process id.
 * One that some process has now is left alone, whoever that is; it goes when that process has.
 */
export async function clearScratch(dataDir: string): Promise<void> {
  for (const place of ["run", "secrets"]) {
    const folder = join(dataDir, place, "deploy");
    for (const name of await readdir(folder).catch(() => []))
      if (/^\d+$/.test(name) && !isAlive(Number(name))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}
