import { readFile } from "node:fs/promises";
import { childrenOf } from "./frozen.ts";

/** Linux counts processors' time in these units for everybody who reads /proc, whatever the kernel's own are. */
const msPerTick = 10;

/**
 * What a server's processes have used of processors, those included that have ended: for a machine on which no control group counts it.
 * undefined where the machine does not say.
 */
export async function cpuMsOf(postmaster: number): Promise<number | undefined> {
  const own = await readTicks(postmaster);
  if (own === undefined) return undefined;
  const children = await Promise.all((await childrenOf(postmaster)).map(readTicks));
  // who ended is in what its parent has waited for
  return (own.self + own.waitedFor + children.reduce((sum, it) => sum + (it?.self ?? 0), 0)) * msPerTick;
}

async function readTicks(pid: number): Promise<{ readonly self: number; readonly waitedFor: number } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  if (text === undefined) return undefined;
  // the name may hold anything; what follows its last bracket is counted from the third field on
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number);
  return { self: user + system, waitedFor: childUser + childSystem };
}
