import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { type Platform, startPlatform } from "./platform.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
}, 360_000);
afterAll(() => platform?.close(), 60_000);

const read = (path: string) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** Every process that names the platform's data folder, and whatever descends from one. */
function processesOf(data: string): number[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parent = new Map(all.map((pid) => [pid, read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ")[1] ?? "0"]));
  const found = new Set(
    all.filter(
      (pid) =>
        Number(pid) !== process.pid && (read(`/proc/${pid}/cmdline`) + read(`/proc/${pid}/environ`)).includes(data),
    ),
  );
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, from] of parent) if (found.has(from)) found.add(pid);
  }
  return [...found].map(Number);
}

/** Until none is left: whatever one of them started in its last moment is killed as well. */
const killEverything = () =>
  eventually("no process is left", () => {
    const left = processesOf(platform.data);
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself in between.
      }
    }
    return left.length === 0;
  });

type Listed = {
  readonly items: readonly { readonly state: string; readonly type: string; readonly database: string | null }[];
};
const operations = async (): Promise<Listed["items"]> => {
  const response = await fetch(`${platform.url}/api/v1/operations?limit=50`, {
    headers: { authorization: `Bearer ${platform.token}` },
  });
  return ((await response.json()) as Listed).items;
};

test("kill -9 of every process during a deployment: the next start ends in the declared state", async () => {
  for (const round of [1, 2]) {
    const name = `survivor-${round}`;
    const opened = await platform.nebula(
      "db",
      "create",
      `acme/shop/${name}`,
      "--min",
      "0.25",
      "--max",
      "0.25",
      "--storage",
      "1Gi",
      "--tag",
      "owner=test",
      "--auto-merge",
      "-o",
      "json",
    );
    expect(opened.code, opened.stderr).toBe(0);
    await eventually(
      "a deployment in progress",
      async () => (await operations()).some(({ state, type }) => state === "IN_PROGRESS" && type === "DEPLOY"),
      {
        timeoutMs: 20_000,
        everyMs: 10,
      },
    );
    await killEverything();

    const again = await platform.up();
    expect(again.code, again.stderr).toBe(0);
    const ready = await eventually(
      `${name} is ready`,
      async () => {
        const shown = await platform.nebula("db", "show", `acme/shop/${name}`, "-o", "json");
        return shown.code === 0 && (JSON.parse(shown.stdout) as { phase: string }).phase === "Ready";
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );
    expect(ready).toBe(true);
    await eventually(
      "nothing is left in progress",
      async () => (await operations()).every(({ state }) => state !== "IN_PROGRESS" && state !== "QUEUED"),
      {
        timeoutMs: 30_000,
        everyMs: 250,
      },
    );
  }
}, 240_000);

test("down leaves nothing running", async () => {
  expect((await platform.nebula("down")).code).toBe(0);
  expect(processesOf(platform.data)).toEqual([]);
}, 180_000);
