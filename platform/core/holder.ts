import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Who holds a lease: `<host>/<process id>/<start time>`. A process id alone is given away again. */
export const ourHolder = (): string => `${hostname()}/${process.pid}/${startOf(process.pid) ?? "?"}`;

/** True only when it is certain that the process is gone: it ran on this host, and is not there or is another one. */
export function isProvedDead(holder: string): boolean {
  const [host, pid, start] = holder.split("/");
  if (host !== hostname() || pid === undefined || !/^\d+$/.test(pid)) return false;
  if (!exists(Number(pid))) return true;
  const now = startOf(Number(pid));
  return start !== "?" && now !== undefined && now !== start;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Clock ticks from the boot to the start of a process, where /proc says it. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
