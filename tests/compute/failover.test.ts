/** Who watches standbys may be killed in the middle of a takeover, and there may be several of them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type InstanceRunner, type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import { type Failpoint, failpoints } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { killed, saying } from "./child.ts";
import { asTenant, type Ground, makeGround, pgBin } from "./ground.ts";
import { counted, countedBy, folderOf, idsOf, makeReplicated } from "./replicated.ts";

let ground: Ground;
let runner: InstanceRunner;
let wanted: InstanceWanted;
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
  wanted = await makeReplicated(ground, { synchronous: true });
});
afterAll(() => ground?.clear());

const watch = (failpoint?: Failpoint): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, "failover-child.ts"), ground.dataDir], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...(failpoint === undefined ? {} : { NEBULA_FAILPOINT: failpoint }) },
  });

/** Servers that work in the folder in which the primary has to be: processes there whose parents are not. */
function primaries(): number {
  const pgdata = realpathSync(join(folderOf(ground, wanted), "pgdata"));
  const parentOf = (pid: string): string | undefined => {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== pgdata) return undefined;
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
    } catch {
      return undefined; // it is gone
    }
  };
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = new Map(pids.flatMap((pid) => [[pid, parentOf(pid)] as const]).filter(([, parent]) => parent));
  return [...found.values()].filter((parent) => !found.has(parent ?? "")).length;
}

const epoch = async () => (await runner.standbys(wanted.id))[0]?.epoch;

async function loseThePrimary(): Promise<void> {
  await runner.depose(wanted.id);
  rmSync(join(folderOf(ground, wanted), "pgdata/global/pg_control"), { force: true });
}

const steps = failpoints.filter((name) => /^compute\.(succession|primary|standby)/.test(name));

test("there are places to be killed at", () => expect(steps).toHaveLength(5));

test.each(steps)("a takeover that was killed at %s is finished, once, by two others", async (step) => {
  await counted(runner, wanted);
  const before = (await epoch()) ?? 0;
  await asTenant(ground.driver, wanted, (sql) =>
    sql.query(`insert into kept select coalesce(max(id), 0) + 1 from kept`),
  );
  const rows = await asTenant(ground.driver, wanted, idsOf);
  const broken = watch(step);
  const ended = once(broken, "exit");
  await saying(broken, "watching");
  await loseThePrimary();
  expect((await ended)[1]).toBe("SIGKILL");
  const others = [watch(), watch()];
  try {
    expect(await eventually("it serves", () => asTenant(ground.driver, wanted, idsOf), { timeoutMs: 60_000 })).toEqual(
      rows,
    );
    expect(primaries()).toBe(1);
    const [standby] = await countedBy(runner, wanted);
    expect(standby?.epoch).toBe(before + 1);
  } finally {
    await Promise.all(others.map(killed));
  }
});

test("two that watch put one standby in its place", async () => {
  const others = [watch(), watch(), watch()];
  try {
    await Promise.all(others.map((child) => saying(child, "watching")));
    for (let round = 0; round < 2; round++) {
      await countedBy(runner, wanted);
      const before = (await epoch()) ?? 0;
      await loseThePrimary();
      await eventually("a standby has its place", async () => ((await epoch()) ?? 0) > before, { timeoutMs: 60_000 });
      await eventually("it serves", () => asTenant(ground.driver, wanted, idsOf), { timeoutMs: 60_000 });
      expect(await epoch()).toBe(before + 1);
      expect(primaries()).toBe(1);
    }
  } finally {
    await Promise.all(others.map(killed));
  }
});
