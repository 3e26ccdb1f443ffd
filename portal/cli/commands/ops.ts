import type { Command } from "commander";
import type { Client } from "../client.ts";
import { CommandFailure } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { printData, printRecord, printRows, say } from "../output.ts";
import type { Operation, OperationEvent } from "../types.ts";
import { approve } from "./approve.ts";
import type { Pull } from "./review-text.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

export function addOperationCommands(program: Command): void {
  const ops = program.command("ops").description("operations: what is done, by whom, and how it ended");
  withOutput(
    ops.command("list").description("newest first").option("--limit <number>", "how many", parsePositive, 20),
  ).action(list);
  withOutput(ops.command("watch").description("follow an operation, or the newest one").argument("[operation]"))
    .option("--timeout <seconds>", "how long to wait", parsePositive, 600)
    .action(watch);
  withOutput(
    ops.command("show").description("one operation: how it stands, its tries and its lines").argument("<operation>"),
  ).action(show);
  withOutput(
    ops
      .command("cancel")
      .description("cancel an operation: at once while it is queued, else its processes are ended")
      .argument("<operation>"),
  ).action(cancel);
  withOutput(
    ops
      .command("approve")
      .description("accept what was stopped: a plan that nobody reviewed, a rewritten branch, weaker protection")
      .argument("[what]", "an operation, a project (tenant/project) or a repository (owner/name); default: what waits"),
  ).action(approve);
}

async function list({ output, limit }: Output & { readonly limit: number }): Promise<void> {
  const { items } = await connect().get<{ items: Operation[] }>("/api/v1/operations", { limit: Math.min(limit, 100) });
  printRows(
    items,
    [
      { title: "OPERATION", value: (row) => row.id },
      { title: "TYPE", value: (row) => row.type },
      {
        title: "ON",
        value: (row) => [row.domain, row.project, row.database].filter((part) => part !== null).join("/"),
      },
      { title: "STATE", value: (row) => row.state },
      { title: "OUTCOME", value: (row) => row.outcome },
      { title: "ERROR", value: (row) => row.error?.code },
      { title: "BY", value: (row) => row.requestedBy },
      { title: "TOOK", value: took },
      { title: "SINCE", value: (row) => row.createdAt },
    ],
    output,
  );
}

async function watch(
  id: string | undefined,
  { output, timeout }: Output & { readonly timeout: number },
): Promise<void> {
  const client = connect();
  const chosen = id ?? (await newest(client.get<{ items: Operation[] }>("/api/v1/operations", { limit: 20 })));
  if (chosen === undefined) return say("there are no operations yet");
  say(chosen);
  if (output === "table") await sayWhatItWaitsFor(client, chosen);
  const ended = await followOperation(client, chosen, timeout * 1000);
  if (output === "table")
    say(`  ${ended.state}${ended.outcome === null ? "" : ` (${ended.outcome})`} in ${took(ended) ?? "?"}`);
  else printData(ended, output);
}

/** The operation of a pull request ends with its merge: for long nothing happens, and somebody has to know that it is for him. */
async function sayWhatItWaitsFor(client: Client, id: string): Promise<void> {
  const {
    pull: number,
    state,
    domain,
    project,
  } = await client.get<Operation>(`/api/v1/operations/${encodeURIComponent(id)}`);
  if (number === null || (state !== "QUEUED" && state !== "IN_PROGRESS")) return;
  const pull = await client
    .get<Pull & { readonly autoMerge: boolean }>(`/api/v1/pulls/${number}`)
    // Who may follow operations need not see pull requests.
    .catch((failure: unknown) => {
      if (failure instanceof CommandFailure) return undefined;
      throw failure;
    });
  if (pull?.state === "open") say(waitingText(pull, `${domain}/${project}`));
}

export function waitingText(
  { number, autoMerge, verdict }: Pick<Pull, "number" | "verdict"> & { readonly autoMerge: boolean },
  project: string,
): string {
  const refused = verdict === "failure" || verdict === "error";
  if (refused) return `  its review failed, so it cannot be merged: nebula pr show ${number} says why`;
  if (autoMerge) return `  waits for pull request #${number}, which merges by itself when its checks have passed`;
  return `  waits until somebody merges pull request #${number}, who may merge in ${project} (a project-admin, a domain-admin): nebula pr merge ${number}`;
}

async function show(id: string, { output }: Output): Promise<void> {
  const client = connect();
  const path = `/api/v1/operations/${encodeURIComponent(id)}`;
  const operation = await client.get<Operation>(path);
  const lines = await client.all<OperationEvent>(`${path}/events`);
  if (output !== "table") return printData({ ...operation, events: lines }, output);
  const { progress: _, ...facts } = operation;
  printRecord(facts, output);
  for (const { at, level, phase, message } of lines)
    process.stdout.write(`  ${at} ${level === "info" ? " " : "!"} ${phase.padEnd(10)} ${message}\n`);
}

async function cancel(id: string, { output }: Output): Promise<void> {
  const client = connect();
  const operation = await client.send<Operation>("POST", `/api/v1/operations/${encodeURIComponent(id)}/cancel`);
  if (output === "table")
    say(operation.state === "CANCELLED" ? `  ${id} is cancelled` : `  ${id} is asked to stop: nebula ops watch ${id}`);
  else printData(operation, output);
}

/** What is being done or waits to be, else what was done last; a pull request that waits for people is neither. */
async function newest(page: Promise<{ items: Operation[] }>): Promise<string | undefined> {
  const items = (await page).items.filter(({ type }) => type !== "PULL_REQUEST");
  return (
    items.find(({ state }) => state === "IN_PROGRESS") ??
    items.find(({ state }) => state === "QUEUED") ??
    items[0]
  )?.id;
}

const took = ({ startedAt, finishedAt }: Operation): string | null =>
  startedAt === null || finishedAt === null
    ? null
    : `${((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s`;
