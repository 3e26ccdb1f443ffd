/**
 * A lock between processes of one machine: a folder that only one can make, holding its owner's pid and start time.
 *
 * 1. The lock of an owner that is gone is taken over; a folder without an owner is given two seconds to get one.
 * 2. A stale lock is removed by one process at a time, which looks again first: nobody removes the next owner's lock.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lockTimeout } from "./errors.ts";
import { isSame, type ProcessId, startTimeOf } from "./processes.ts";

const ownerlessMs = 2_000;

/** Runs `body` while holding the lock. `onWait` is told the owner's pid once, when it has to wait. */
export async function withLock<T>(
  path: string,
  body: () => Promise<T>,
  options: { readonly timeoutMs?: number; readonly onWait?: (pid: number | undefined) => void } = {},
): Promise<T> {
  const deadline = performance.now() + (options.timeoutMs ?? 30 * 60_000);
  let told = false;
  while (!tryLock(path)) {
    if (performance.now() > deadline)
      throw lockTimeout(`${path} is held by process ${ownerOf(path)?.pid ?? "unknown"}`);
    if (!told) options.onWait?.(ownerOf(path)?.pid);
    told = true;
    await sleep(100);
  }
  try {
    return await body();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Takes the lock if it is free or its owner is gone. */
export function tryLock(path: string): boolean {
  try {
    mkdirSync(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
    if (!isHeld(path)) removeStale(path);
    return false;
  }
  writeFileSync(join(path, "owner"), `${process.pid} ${startTimeOf(process.pid) ?? ""}`);
  return true;
}

/** The living owner. */
export function lockOwner(path: string): ProcessId | undefined {
  const owner = ownerOf(path);
  return owner && isSame(owner) ? owner : undefined;
}

function removeStale(path: string): void {
  const reaping = `${path}.reaping`;
  try {
    mkdirSync(reaping);
  } catch {
    if (ageMs(reaping) > 10_000) rmSync(reaping, { recursive: true, force: true });
    return;
  }
  if (!isHeld(path)) rmSync(path, { recursive: true, force: true });
  rmSync(reaping, { recursive: true, force: true });
}

function isHeld(path: string): boolean {
  const owner = ownerOf(path);
  return owner ? isSame(owner) : ageMs(path) < ownerlessMs;
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function ownerOf(path: string): ProcessId | undefined {
  try {
    const [pid, ...startedAt] = readFileSync(join(path, "owner"), "utf8").split(" ");
    return { pid: Number(pid), startedAt: startedAt.join(" ") };
  } catch {
    return undefined;
  }
}
