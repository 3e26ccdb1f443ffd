import type { Command } from "commander";
import type { Client } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { printData, say } from "../output.ts";
import type { Change, Operation } from "../types.ts";
import { type Output, parsePositive, withOutput } from "./shared.ts";

/** How a command that asks for a change goes on after it asked. */
export type Following = Output & {
  readonly autoMerge?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
};

export function withFollowing(command: Command): Command {
  return withOutput(command)
    .option("--auto-merge", "merge when every required check passes")
    .option("--wait", "wait until it is deployed (with --auto-merge)")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 120);
}

/** Waiting for a merge that nobody will make would only end by time-out. */
export function mustBeMergeable({ wait, autoMerge }: Pick<Following, "wait" | "autoMerge">): void {
  if (wait === true && autoMerge !== true)
    throw new CommandFailure("--wait needs --auto-merge", {
      exitCode: exitCodes.usage,
      hint: "Without it somebody has to merge first: `nebula pr merge NUMBER` merges and waits.",
    });
}

export async function finish(client: Client, change: Change, options: Following): Promise<void> {
  if (change.pull !== null) say(`${change.pull.title}\n  pull request #${change.pull.number}  ${change.pull.url}`);
  const operation: Operation =
    options.wait === true
      ? await followOperation(client, change.operation.id, options.timeout * 1000)
      : change.operation;
  if (options.output === "table") {
    say(
      options.wait === true
        ? `  ${operation.state}`
        : `  checks arrive within seconds: nebula pr show ${change.pull?.number ?? ""}`,
    );
  } else printData({ ...change, operation }, options.output);
}

export const dropUndefined = (record: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
