/**
 * A frozen server: its processes stopped by SIGSTOP, its memory and its sessions kept.
 *
 * 1. The postmaster is stopped first and its children then, so that none is made in between; they go on in the other order.
 * 2. The process table is the truth. A kill half-way leaves a server whose postmaster is stopped, which is frozen: thawing it makes
 *    every process go on, and freezing it stops the rest.
 */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { freezeFailed } from "./errors.ts";

const run = promisify(execFile);
const hasProc = process.platform === "linux";
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Whether a process is stopped by a signal. One that is gone is not. */
export async function isStopped(pid: number): Promise<boolean> {
  return /^[T]/.test((await stateOf(pid)) ?? "");
}

/** One letter, as `ps` has it: T is stopped. */
export async function stateOf(pid: number): Promise<string | undefined> {
  if (hasProc) {
    const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
    return text?.slice(text.lastIndexOf(")") + 2, text.lastIndexOf(")") + 3);
  }
  const { stdout } = await run("ps", ["-o", "state=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return stdout.trim() === "" ? undefined : stdout.trim();
}

/** Stops a server's processes and returns when they stand still. @throws NEB361 */
export async function freezePostmaster(pid: number): Promise<void> {
  await stop([pid]);
  await stop(await childrenOf(pid));
}

/** Lets them go on; at once, nothing is waited for. */
export async function thawPostmaster(pid: number): Promise<void> {
  for (const one of [...(await childrenOf(pid)), pid]) signal(one, "SIGCONT");
}

async function stop(pids: readonly number[]): Promise<void> {
  for (const pid of pids) signal(pid, "SIGSTOP");
  for (let round = 0; round < 500; round++) {
    const states = await Promise.all(pids.map(stateOf));
    if (states.every((state) => state === undefined || /^[TZX]/.test(state))) return;
    await pause(round < 10 ? 0 : 2);
  }
  throw freezeFailed(`processes ${pids.join(", ")} do not stand still`);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

export async function childrenOf(pid: number): Promise<readonly number[]> {
  if (!hasProc) {
    const { stdout } = await run("pgrep", ["-P", String(pid)]).catch(() => ({ stdout: "" }));
    return numbersIn(stdout);
  }
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, "latin1").catch(() => undefined);
  return listed === undefined ? childrenByScan(pid) : numbersIn(listed);
}

/** For a kernel that does not list children. */
async function childrenByScan(pid: number): Promise<readonly number[]> {
  const all = numbersIn((await readdir("/proc")).join(" "));
  const parents = await Promise.all(
    all.map(async (one) => {
      const text = await readFile(`/proc/${one}/stat`, "latin1").catch(() => undefined);
      return Number(text?.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
    }),
  );
  return all.filter((_, i) => parents[i] === pid);
}

const numbersIn = (text: string): readonly number[] => (text.match(/\b\d+\b/g) ?? []).map(Number);
