import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A TypeScript program of this folder in a process of its own. */
export function startChild(script: string, args: readonly string[], wrap: readonly string[] = []): ChildProcess {
  const [program = process.execPath, ...rest] = [...wrap, process.execPath, join(import.meta.dirname, script), ...args];
  return spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env: process.env });
}

/** Its standard output until it contains `text`; rejects when it ends without. */
export async function saying(child: ChildProcess, text: string): Promise<string> {
  let said = "";
  let complaint = "";
  child.stderr?.on("data", (data) => {
    complaint += data;
  });
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (data) => {
      said += data;
      if (said.includes(text)) resolve(said);
    });
    child.on("close", (code) => reject(new Error(`ended with ${code} before saying "${text}": ${said}${complaint}`)));
  });
}

export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "exit");
  child.kill("SIGKILL");
  await closed;
}
