import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockOwner, startTimeOf, tryLock, withLock } from "../../launcher/index.ts";

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nebula-lock-"));
  lock = join(folder, "a.lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a lock is held by one and names its owner", async () => {
  expect(tryLock(lock)).toBe(true);
  expect(tryLock(lock)).toBe(false);
  expect(lockOwner(lock)).toEqual({ pid: process.pid, startedAt: startTimeOf(process.pid) });
});

test("the lock is given back when the body throws", async () => {
  await expect(withLock(lock, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(existsSync(lock)).toBe(false);
});

test("waiting ends with an error that names the lock", async () => {
  tryLock(lock);
  await expect(withLock(lock, async () => {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: "NEB930" });
});

test("a pid that lives again as another process owns nothing", async () => {
  mkdirSync(lock);
  writeFileSync(join(lock, "owner"), `${process.pid} 1`);
  expect(lockOwner(lock)).toBeUndefined();
  expect(await withLock(lock, async () => "mine")).toBe("mine");
});

test("a lock without an owner is respected while it is young, and taken over when it is old", async () => {
  mkdirSync(lock);
  expect(tryLock(lock)).toBe(false);
  expect(existsSync(lock)).toBe(true);
  utimesSync(lock, new Date(0), new Date(0));
  expect(await withLock(lock, async () => "mine")).toBe("mine");
});

test("of many processes that find a dead owner's lock, each gets it alone", async () => {
  mkdirSync(lock);
  writeFileSync(join(lock, "owner"), "999999 1");
  const counter = join(folder, "counter");
  writeFileSync(counter, "0");
  const script = `
    import { readFileSync, writeFileSync } from "node:fs";
    import { setTimeout as sleep } from "node:timers/promises";
    import { withLock } from ${JSON.stringify(join(import.meta.dirname, "../../launcher/lock.ts"))};
    for (let i = 0; i < 5; i++)
      await withLock(${JSON.stringify(lock)}, async () => {
        const before = Number(readFileSync(${JSON.stringify(counter)}, "utf8"));
        await sleep(2);
        writeFileSync(${JSON.stringify(counter)}, String(before + 1));
      });`;
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" }),
  );
  await Promise.all(children.map((child) => once(child, "exit")));
  expect(readFileSync(counter, "utf8")).toBe("20");
});
