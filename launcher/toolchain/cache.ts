/**
 * The cache folder: tools that set-up found nowhere else, `<cache>/<tool>/<version>/`.
 *
 * 1. A version folder is complete or absent: it is filled beside its place and renamed.
 * 2. Two processes that want the same tool wait for one another; a dead owner's lock is taken over.
 * 3. Everything in it may be read and executed by every user who can reach it.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { translateFolderError } from "../files.ts";
import { withLock } from "../lock.ts";

export function cacheDir(env: NodeJS.ProcessEnv): string {
  return env.NEBULA_CACHE || join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "nebuladb");
}

/** Makes `<cache>/<tool>/<version>` by `fill(folder)` unless it is there; returns its path. */
export async function install(
  cache: string,
  tool: string,
  version: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const home = join(cache, tool);
  const target = join(home, version);
  if (existsSync(target)) return target;
  try {
    mkdirSync(home, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw translateFolderError(cause, home);
  }
  return withLock(join(home, `${version}.lock`), async () => {
    if (existsSync(target)) return target;
    const draft = mkdtempSync(join(home, ".draft-"));
    try {
      await fill(draft);
      chmodSync(draft, 0o755);
      execFileSync("chmod", ["-R", "a+rX", draft]);
      renameSync(draft, target);
    } catch (cause) {
      throw translateFolderError(cause, home);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return target;
  });
}
