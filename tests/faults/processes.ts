/** Who runs, from /proc: for tests that kill. */
import { readdirSync, readFileSync } from "node:fs";

type Stat = {
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
};

function statOf(pid: string): Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "", parent, group] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
    return [{ pid: Number(pid), name, state, parent: Number(parent), group: Number(group) }];
  } catch {
    return [];
  }
}

const all = (): Stat[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(statOf)
    .filter(({ state }) => state !== "Z");

/** The commands that a process has started and that still run. */
export const childrenOf = (pid: number): readonly Stat[] => all().filter(({ parent }) => parent === pid);

/** Everything of a process group that still runs. */
export const groupOf = (group: number): readonly number[] =>
  all()
    .filter((one) => one.group === group)
    .map(({ pid }) => pid);

export function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
