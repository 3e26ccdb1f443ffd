import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Has the system schedule a process, and what it starts from now on, as one that works through batches (Linux, SCHED_BATCH): a piece
 * that arrives for it does not push whoever computes off the processor, so that a busy machine changes tasks less often and more pieces
 * wait for each turn. Costs nothing where a processor is free. Needs no right.
 *
 * @returns whether it is so now; false where the system knows no such thing or has no `chrt`.
 */
export async function scheduleAsBatch(pid: number): Promise<boolean> {
  if (process.platform !== "linux") return false;
  return run("chrt", ["--batch", "--all-tasks", "--pid", "0", String(pid)]).then(
    () => true,
    () => false,
  );
}
