/**
 * The one shape of a bench's answer (design contract 11): figures with their unit in the name, goals as `"<= 1500"`, and
 * whether every goal is met. A goal that cannot be reached stays in the output as not met, with the reason.
 */
import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";

export type Report = {
  readonly bench: string;
  readonly commit: string;
  readonly machine: string;
  readonly runs: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly goals: Readonly<Record<string, string>>;
  readonly met: boolean;
  readonly notes?: readonly string[];
};

type Measured = Pick<Report, "bench" | "runs" | "figures" | "goals"> & { readonly notes?: readonly string[] };

/** Completes a measurement and prints it as one JSON object on standard output. */
export function report(measured: Measured): Report {
  const met = Object.entries(measured.goals).every(([name, goal]) => meets(measured.figures[name], goal));
  const whole: Report = { ...measured, commit: commit(), machine: machine(), met };
  process.stdout.write(`${JSON.stringify(whole, null, 2)}\n`);
  return whole;
}

/** @throws Error when a goal is not of the form `<= number` or `>= number`. */
export function meets(figure: number | undefined, goal: string): boolean {
  const [, comparison, limit] = /^(<=|>=) (\d+(?:\.\d+)?)$/.exec(goal) ?? [];
  if (comparison === undefined) throw new Error(`the goal "${goal}" is not "<= number" or ">= number"`);
  if (figure === undefined || !Number.isFinite(figure)) return false;
  return comparison === "<=" ? figure <= Number(limit) : figure >= Number(limit);
}

/** Nearest-rank percentile of a list of measurements. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
  if (value === undefined) throw new Error("no measurements");
  return value;
}

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** Progress belongs on standard error: standard output is the report. */
export const progress = (line: string): void => void process.stderr.write(`${line}\n`);

function commit(): string {
  return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  }).trim();
}

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} x ${first?.model.trim() ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform} ${process.arch}`;
}
