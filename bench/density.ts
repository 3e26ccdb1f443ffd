/**
 * What databases cost that nobody uses: 200 that sleep, 50 that are awake and idle, the same 50 frozen. Memory by PSS (what is shared
 * counts once), processor by the kernel's accounts of all their processes, and the keeper's own share for looking after 200 sleepers.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { makeKeeper } from "../gateway/keeper/index.ts";
import { openScope } from "../platform/core/index.ts";
import { progress, report, round } from "./ground/report.ts";
import { makeSleepers, type Sleeper } from "./ground/sleepers.ts";

const sleeping = Number(process.env.NEBULA_BENCH_SLEEPING ?? 200);
const idle = Number(process.env.NEBULA_BENCH_IDLE ?? 50);
const watchMs = 20_000;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const scope = openScope();
const figures: Record<string, number> = {};
try {
  const ground = await makeSleepers(scope);
  const { runner, dataDir } = ground;
  const all: Sleeper[] = [];
  progress(`making ${sleeping} databases`);
  while (all.length < sleeping) {
    all.push(await ground.add({ suspendAfterSeconds: 300 }));
    await runner.sleep(all.at(-1)?.wanted.id ?? "a.b.c");
  }
  const keeper = makeKeeper({ dataDir, runner });
  scope.add(keeper, (it) => it.close());
  await keeper.start();

  progress(`${sleeping} asleep, for ${watchMs / 1000} s`);
  figures.sleepingProcesses = (await processesUnder(dataDir)).length;
  const before = process.cpuUsage();
  await pause(watchMs);
  const { user, system } = process.cpuUsage(before);
  figures.keeperCpuPercent = round((user + system) / 1000 / watchMs / 0.01, 2);
  figures.keeperRssMb = round(process.memoryUsage().rss / 2 ** 20, 0);

  progress(`${idle} awake and idle`);
  const some = all.slice(0, idle).map(({ wanted }) => wanted.id);
  for (const id of some) await runner.wake(id);
  await pause(3000);
  Object.assign(figures, await measured("idle"));

  progress(`the same ${idle} frozen`);
  for (const id of some) await runner.freeze(id);
  Object.assign(figures, await measured("frozen"));

  async function measured(name: "idle" | "frozen"): Promise<Record<string, number>> {
    const pids = await processesUnder(dataDir);
    const [memoryKb, from] = [await sum(pids, pssKb), await sum(pids, cpuMs)];
    await pause(watchMs);
    const to = await sum(await processesUnder(dataDir), cpuMs);
    return {
      [`${name}PssMb`]: round(memoryKb / 1024 / idle, 1),
      [`${name}CpuPercent`]: round((to - from) / watchMs / 0.01 / idle, 3),
      [`${name}Processes`]: round(pids.length / idle, 1),
    };
  }
} finally {
  await scope.close();
}

report({
  bench: "density",
  runs: sleeping,
  figures,
  goals: { sleepingProcesses: "<= 0", idlePssMb: "<= 20", frozenCpuPercent: "<= 0", keeperCpuPercent: "<= 5" },
  notes: [
    `${sleeping} asleep; ${idle} awake and idle, and frozen: figures for one of them, at 0.25 compute units`,
    "keeperCpuPercent is of one processor, for looking after all of them",
  ],
});

/** Processes that work in a folder below this one. */
async function processesUnder(dataDir: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => "");
      return folder.startsWith(join(dataDir, "/")) ? [pid] : [];
    }),
  );
  return found.flat();
}

async function sum(pids: readonly number[], of: (pid: number) => Promise<number>): Promise<number> {
  return (await Promise.all(pids.map((pid) => of(pid).catch(() => 0)))).reduce((all, one) => all + one, 0);
}

async function pssKb(pid: number): Promise<number> {
  return Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
}

/** Clock ticks of 10 ms. */
async function cpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
