/** What a process holds over a run, and whether that grows. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { percentile, round } from "./report.ts";

export type MemoryWatch = {
  /** Megabytes so far, oldest first. */
  samples(): readonly number[];
  close(): void;
};

/** Looks at a process's resident memory a few times a second. */
export function watchMemory(pid: number, everyMs = 250): MemoryWatch {
  const seen: number[] = [];
  const timer = setInterval(() => seen.push(residentMb(pid)), everyMs);
  return { samples: () => seen, close: () => clearInterval(timer) };
}

/**
 * Percent by which memory grew between the first third of a run and its end (the last tenth). Medians: a heap goes up and down
 * between two collections, and that is no growth.
 */
export function growthPercent(samples: readonly number[]): number {
  const first = percentile(samples.slice(0, Math.ceil(samples.length / 3)), 50);
  const last = percentile(samples.slice(-Math.ceil(samples.length / 10)), 50);
  return round((last / first - 1) * 100);
}

function residentMb(pid: number): number {
  const kb =
    process.platform === "linux"
      ? /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
      : execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).trim();
  return Number(kb) / 1024;
}
