import type { Command } from "commander";
import { split } from "../address.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { printData, say } from "../output.ts";
import type { Change } from "../types.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

type Options = Output & {
  readonly to?: string;
  readonly autoMerge?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
};

export function addRollbackCommand(program: Command): void {
  withOutput(
    program
      .command("rollback")
      .description("open a pull request that puts the declarations of a project, or of one database, back")
      .argument("<what>", "tenant/project or tenant/project/database"),
  )
    .option(
      "--to <commit>",
      "a commit of the default branch; default: before the newest merged change of the project, or of that database",
    )
    .option("--auto-merge", "merge when every required check passes")
    .option("--wait", "wait until it is deployed (with --auto-merge)")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 120)
    .action(rollback);
}

async function rollback(what: string, { to, autoMerge = false, wait = false, timeout, output }: Options) {
  const [domain, project, database] = split(what, 3);
  if (domain === undefined || project === undefined)
    throw new CommandFailure(`"${what}" does not say which project of which tenant`, {
      exitCode: exitCodes.usage,
      hint: "Write tenant/project or tenant/project/database.",
    });
  if (wait && !autoMerge)
    throw new CommandFailure("--wait needs --auto-merge", {
      exitCode: exitCodes.usage,
      hint: "Without it somebody has to merge first: `nebula pr merge NUMBER` merges and waits.",
    });
  const client = connect();
  const path = `/api/v1/domain/${encodeURIComponent(domain)}/project/${encodeURIComponent(project)}/rollback`;
  const body = { autoMerge, ...(to === undefined ? {} : { to }), ...(database === undefined ? {} : { database }) };
  const change = await client.send<Change>("POST", path, body);
  if (change.pull !== null) say(`${change.pull.title}\n  pull request #${change.pull.number}  ${change.pull.url}`);
  const operation = wait ? await followOperation(client, change.operation.id, timeout * 1000) : change.operation;
  if (output !== "table") return printData({ ...change, operation }, output);
  say(wait ? `  ${operation.state}` : `  checks arrive within seconds: nebula pr show ${change.pull?.number ?? ""}`);
}
