/** Who runs, by file: pid and start time. A file whose process is gone, or is another one, says nobody. */
import { readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { writeWhole } from "./files.ts";
import { isSame, type ProcessId, startTimeOf } from "./processes.ts";

export function writePid(path: string, pid: number): void {
  writeWhole(path, `${pid} ${startTimeOf(pid) ?? ""}\n`, 0o644);
}

export function readPid(path: string): ProcessId | undefined {
  try {
    const [, pid, startedAt] = /^(\d+) (.+)/.exec(readFileSync(path, "utf8").trim()) ?? [];
    const id = { pid: Number(pid), startedAt: startedAt ?? "" };
    return startedAt !== undefined && isSame(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Ends the process of a pid file: SIGTERM to it, after `graceMs` SIGKILL to its whole group. Returns whether there was one.
 */
export async function endByPidFile(path: string, graceMs: number): Promise<boolean> {
  const id = readPid(path);
  if (id) await end(id, graceMs);
  rmSync(path, { force: true });
  return id !== undefined;
}

export async function end(id: ProcessId, graceMs: number): Promise<void> {
  signal(id.pid, "SIGTERM");
  const deadline = performance.now() + graceMs;
  while (isSame(id) && performance.now() < deadline) await sleep(10);
  while (isSame(id)) {
    signal(-id.pid, "SIGKILL");
    signal(id.pid, "SIGKILL");
    await sleep(10);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone, or it leads no group: the caller looks again.
  }
}
