import type { Command } from "commander";
import type { Client } from "../client.ts";
import { CommandFailure } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { printData, printRows, say } from "../output.ts";
import type { Operation } from "../types.ts";
import { type Pull, printReview } from "./review-text.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";
import { money } from "./usage.ts";

export function addPullCommands(program: Command): void {
  const pr = program.command("pr").description("pull requests of the tenant repository");
  withOutput(pr.command("list").description("open ones, newest first").option("--all", "closed ones too")).action(list);
  withOutput(
    pr.command("show").description("what it does, costs, and whether it may").argument("<number>", "", parsePositive),
  ).action(show);
  withOutput(
    pr
      .command("merge")
      .description("merge what was reviewed, and wait until it is deployed")
      .argument("<number>", "", parsePositive),
  )
    .option("--no-wait", "do not wait for the deployment")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 120)
    .action(merge);
  withOutput(
    pr
      .command("cost")
      .description("what it was estimated at, and what came of it")
      .argument("<number>", "", parsePositive),
  ).action(cost);
  pr.command("close").description("close one without merging it").argument("<number>", "", parsePositive).action(close);
  withOutput(
    program
      .command("plan")
      .description("what a pull request would do, as it was reviewed")
      .argument("[number]", "default: the newest open one", parsePositive),
  ).action(plan);
}

async function list({ output, all }: Output & { readonly all?: boolean }): Promise<void> {
  const pulls = await connect().all<Pull>("/api/v1/pulls", { state: all === true ? "all" : "open" });
  printRows(
    pulls,
    [
      { title: "#", value: (pull) => pull.number },
      { title: "TITLE", value: (pull) => pull.title },
      { title: "STATE", value: (pull) => pull.state },
      { title: "REVIEW", value: (pull) => pull.verdict ?? "pending" },
      { title: "BY", value: (pull) => pull.requestedBy },
      { title: "HEAD", value: (pull) => pull.headCommit.slice(0, 7) },
    ],
    output,
  );
}

async function show(number: number, { output }: Output): Promise<void> {
  const pull = await reviewed(connect(), number);
  if (output === "table") printReview(pull);
  else printData(pull, output);
}

type Cost = {
  readonly domain: string;
  readonly project: string;
  readonly database: string;
  readonly month: string;
  readonly isFinal: boolean;
  readonly hours: number;
  readonly estimated: { readonly amount: string; readonly currency: string };
  readonly actual: { readonly amount: string; readonly currency: string };
};

async function cost(number: number, { output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Cost[] }>(`/api/v1/pulls/${number}/cost`);
  printRows(
    items,
    [
      { title: "DATABASE", value: (row) => `${row.domain}/${row.project}/${row.database}` },
      { title: "MONTH", value: (row) => `${row.month}${row.isFinal ? "" : " (open)"}` },
      { title: "HOURS", value: (row) => row.hours },
      { title: "ESTIMATED AT MOST", value: (row) => money(row.estimated) },
      { title: "ACTUAL", value: (row) => money(row.actual) },
    ],
    output,
  );
}

async function close(number: number): Promise<void> {
  await connect().send("POST", `/api/v1/pulls/${number}/close`);
  say(`closed #${number}`);
}

async function plan(number: number | undefined, options: Output): Promise<void> {
  if (number !== undefined) return show(number, options);
  const [newest] = await connect().all<Pull>("/api/v1/pulls", { state: "open" });
  if (newest === undefined)
    throw new CommandFailure("no pull request is open", {
      exitCode: 4,
      hint: "`nebula pr list --all` shows those that were.",
    });
  await show(newest.number, options);
}

/** A review takes a second or two after a push; wait for it rather than show half of it. */
async function reviewed(client: Client, number: number): Promise<Pull> {
  for (let i = 0; ; i++) {
    const pull = await client.get<Pull>(`/api/v1/pulls/${number}`);
    if (pull.state !== "open" || (pull.verdict ?? "pending") !== "pending" || i === 20) return pull;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function merge(
  number: number,
  options: Output & { readonly wait: boolean; readonly timeout: number },
): Promise<void> {
  const client = connect();
  const pull = await reviewed(client, number);
  if (pull.state !== "open")
    throw new CommandFailure(`pull request #${number} is ${pull.state} already`, {
      exitCode: 5,
    });
  const merged = await client.send<{ readonly commit: string; readonly operation: Operation | null }>(
    "POST",
    `/api/v1/pulls/${number}/merge`,
    {
      headCommit: pull.headCommit,
    },
  );
  say(`merged #${number} as ${merged.commit.slice(0, 7)}`);
  const operation =
    options.wait && merged.operation !== null
      ? await followOperation(client, merged.operation.id, options.timeout * 1000)
      : merged.operation;
  if (options.output !== "table") printData({ ...merged, operation }, options.output);
  else if (operation !== null)
    say(`  ${operation.state}${operation.outcome === null ? "" : ` (${operation.outcome})`}`);
}
