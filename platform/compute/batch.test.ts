import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { scheduleAsBatch } from "./batch.ts";

const batch = 3; // SCHED_BATCH
const hasChrt = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "chrt")));
const isPossible = process.platform === "linux" && hasChrt;

/** The 41st field of Linux's `stat`, counted from behind the name, which may hold spaces. */
function policyOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[38]);
}

describe("scheduleAsBatch", () => {
  test("says whether the process is scheduled so, and what it starts as well", async () => {
    const script = `process.stdin.once("data", () => {
      const child = require("node:child_process").spawn("sleep", ["60"]);
      process.stdout.write(String(child.pid));
      process.stdin.once("data", () => { child.kill(); process.exit(); });
    });`;
    const parent = spawn(process.execPath, ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      expect(await scheduleAsBatch(Number(parent.pid))).toBe(isPossible);
      parent.stdin.write("start");
      const [pid] = await once(parent.stdout, "data");
      if (isPossible) expect([Number(parent.pid), Number(pid)].map(policyOf)).toEqual([batch, batch]);
      parent.stdin.write("end");
      await once(parent, "exit");
    } finally {
      parent.kill("SIGKILL");
    }
  });

  test("of a process that is not there: false, and no error", async () => {
    expect(await scheduleAsBatch(2 ** 22 + 7)).toBe(false);
  });
});
