/**
 * What a killed platform leaves behind: mains without a supervisor, and their children. Each process that the supervisor starts
 * carries NEBULA_SUPERVISED=<data folder> in its environment, which its children inherit.
 *
 * 1. Only processes with exactly this mark are ended, and never this one: a mark is set by the supervisor alone.
 */
import { readdirSync, readFileSync } from "node:fs";
import { end } from "./pid-file.ts";
import { startTimeOf } from "./processes.ts";

export const mark = (dataRoot: string) => ({ NEBULA_SUPERVISED: dataRoot });

/** Ends them all; returns how many there were. Where there is no /proc the pid files must do. */
export async function endOrphans(dataRoot: string, graceMs: number): Promise<number> {
  const found = marked(dataRoot);
  await Promise.all(
    found.map(async (pid) => {
      const startedAt = startTimeOf(pid);
      if (startedAt !== undefined) await end({ pid, startedAt }, graceMs);
    }),
  );
  return found.length;
}

function marked(dataRoot: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(`NEBULA_SUPERVISED=${dataRoot}`));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}
