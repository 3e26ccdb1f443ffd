/**
 * `./nebula up` on a machine that is set up: from the command to ready, and the memory of every process of the platform.
 * Memory is the proportional set size where the kernel tells it (pages that processes share are counted once), else RSS.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { percentile, progress, report, round } from "./ground/report.ts";
import { freePort } from "./ground/sides.ts";

const runs = 5;
/** Workers warm up after the platform is ready: memory is read when they have. */
const settleMs = 8000;
const nebula = join(import.meta.dirname, "..", "nebula");

const data = mkdtempSync(join(tmpdir(), "nebula-bench-up-"));
const port = await freePort();
const run = (command: string, ...args: string[]) =>
  execFileSync(nebula, [command, ...args], { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
const up = () => run("up", "--detach", "--data", data, "--port", String(port));
const down = () => run("down", "--data", data);

const readyMs: number[] = [];
let rssMb = 0;
try {
  progress("first start, with its databases");
  up();
  for (let i = 0; i < runs; i++) {
    down();
    const started = performance.now();
    up();
    readyMs.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    rssMb = Math.max(rssMb, memoryMb(data));
    progress(`run ${i + 1} of ${runs}: ready in ${round(readyMs.at(-1) ?? 0, 0)} ms`);
  }
} finally {
  down();
  rmSync(data, { recursive: true, force: true });
}
report({
  bench: "up",
  runs,
  figures: {
    readyMs: round(percentile(readyMs, 50), 0),
    readyMaxMs: round(Math.max(...readyMs), 0),
    rssMb: round(rssMb, 0),
  },
  goals: { readyMs: "<= 5000", rssMb: "<= 600" },
  notes: [
    "rssMb counts pages that processes share once (proportional set size), over all processes of the platform and its databases",
  ],
});

/** Processes of the platform name its data folder in their arguments or environment, or descend from one that does. */
function memoryMb(folder: string): number {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = new Map(
    processes.map((pid) => [pid, read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ")[1] ?? "0"]),
  );
  const ours = new Set(
    processes.filter(
      (pid) => read(`/proc/${pid}/cmdline`).includes(folder) || read(`/proc/${pid}/environ`).includes(folder),
    ),
  );
  for (let grew = true; grew; ) {
    const before = ours.size;
    for (const [pid, parent] of parents) if (ours.has(parent)) ours.add(pid);
    grew = ours.size > before;
  }
  ours.delete(String(process.pid));
  const kilobytes = (pid: string) =>
    Number(
      /^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ??
        /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ??
        0,
    );
  return [...ours].reduce((sum, pid) => sum + kilobytes(pid), 0) / 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
