/** What this machine says about a process. A process is named by pid and start time: a pid alone is reused. */
import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

export type ProcessId = { readonly pid: number; readonly startedAt: string };

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
  return statOf(pid)?.state !== "Z";
}

/** Opaque; equal for the same process only. Undefined when there is no such process. */
export function startTimeOf(pid: number): string | undefined {
  const stat = statOf(pid);
  if (stat) return stat.state === "Z" ? undefined : stat.startTime;
  if (process.platform === "linux") return undefined;
  const listed = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
  return listed === "" ? undefined : listed;
}

export const isSame = (id: ProcessId): boolean => startTimeOf(id.pid) === id.startedAt;

/** Memory in bytes. Where the kernel tells, pages that processes share are counted once over all of them; else all of it. */
export function memoryOf(pid: number): number | undefined {
  const kilobytes =
    find(/^Pss:\s+(\d+)/m, `/proc/${pid}/smaps_rollup`) ??
    find(/^VmRSS:\s+(\d+)/m, `/proc/${pid}/status`) ??
    spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
  return kilobytes === "" ? undefined : Number(kilobytes) * 1024;
}

function find(pattern: RegExp, file: string): string | undefined {
  try {
    return pattern.exec(readFileSync(file, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** Where a process stands; undefined when that is not ours to know. */
export function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/** The program's name as the machine lists it. */
export function nameOf(pid: number): string {
  return spawnSync("ps", ["-o", "comm=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
}

/** Fields 3 (state) and 22 (start time in ticks) of /proc/<pid>/stat. */
function statOf(pid: number): { state: string; startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", startTime: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
