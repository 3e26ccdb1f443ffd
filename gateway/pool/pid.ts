/** The pid file of the running PgBouncer, in the form of the launcher's: `<pid> <start time>`. A pid alone is reused. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const pidFileOf = (dataDir: string): string => join(dataDir, "run", "pgbouncer.pid");

type ProcessId = { readonly pid: number; readonly startedAt: string };

/** Field 22 of /proc/<pid>/stat; where there is no /proc only that some process has this pid. Undefined: it is gone, or a zombie. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return isThere(pid) ? "unknown" : undefined;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

export async function writePid(dataDir: string, pid: number): Promise<void> {
  const path = pidFileOf(dataDir);
  await writeFile(`${path}.new`, `${pid} ${(await startTimeOf(pid)) ?? ""}\n`, { mode: 0o644 });
  await rename(`${path}.new`, path);
}

/** The process that the file names, when it still is that one. */
export async function findPid(dataDir: string): Promise<ProcessId | undefined> {
  const text = await readFile(pidFileOf(dataDir), "utf8").catch(() => "");
  const [, pid, startedAt] = /^(\d+) (\S+)/.exec(text) ?? [];
  if (pid === undefined || startedAt === undefined) return undefined;
  return (await startTimeOf(Number(pid))) === startedAt ? { pid: Number(pid), startedAt } : undefined;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it is gone: the caller looks again
  }
}

/**
 * Ends PgBouncer: SIGINT lets running transactions end, SIGQUIT does not, SIGKILL is for one that hangs. Whether there was one.
 */
export async function stopPgBouncer(dataDir: string, graceMs = 2_000): Promise<boolean> {
  const found = await findPid(dataDir);
  if (found === undefined) return false;
  const isGone = async () => (await startTimeOf(found.pid)) !== found.startedAt;
  const steps = [
    ["SIGINT", graceMs],
    ["SIGQUIT", 1_000],
    ["SIGKILL", 5_000],
  ] as const;
  for (const [name, patienceMs] of steps) {
    signal(found.pid, name);
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(5))
      if (await isGone()) {
        await rm(pidFileOf(dataDir), { force: true });
        return true;
      }
  }
  return true;
}
