import { readFile } from "node:fs/promises";

/**
 * What the processes of a server hold and cannot drop: what each has for itself, and the shared memory once, of which each of them
 * has touched a part. For a machine on which no controller counts it.
 */
export async function heldBy(pids: readonly number[]): Promise<number> {
  const found = await Promise.all(pids.map(readMemory));
  const own = found.reduce((sum, { anon }) => sum + anon, 0);
  return own + Math.max(0, ...found.map(({ shared }) => shared));
}

async function readMemory(pid: number): Promise<{ readonly anon: number; readonly shared: number }> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { anon: bytes("RssAnon"), shared: bytes("RssShmem") };
}
