import type { Command } from "commander";
import { exitCodes } from "../failure.ts";
import { printData, say } from "../output.ts";
import type { RepositoryInspection, RepositorySetUp } from "../types.ts";
import { chosenRepository, repositoryPath, tellSetUp } from "./repo.ts";
import { connect, type Output, withOutput } from "./shared.ts";

export function addGitHubCommands(program: Command): void {
  const github = program.command("github").description("how this installation stands with its Git hosts");
  withOutput(
    github
      .command("check")
      .description("look at everything that is needed there: exit code 1 when something does not work")
      .argument("[owner/name]", "default: the only one"),
  ).action(check);
  withOutput(
    github
      .command("rotate-hook")
      .description("give the webhook a new secret, without a delivery lost; also mends one that is gone")
      .argument("[owner/name]", "default: the only one"),
  ).action(rotateHook);
}

const marks = { ok: "ok  ", warn: "warn", fail: "FAIL", skip: "skip" } as const;

async function check(named: string | undefined, { output }: Output): Promise<void> {
  const path = repositoryPath(await chosenRepository(named));
  const answer = await connect().send<RepositoryInspection>("POST", `${path}/check`);
  if (output !== "table") printData(answer, output);
  else
    for (const { check: what, state, says, todo } of answer.findings)
      process.stdout.write(`${marks[state]}  ${what}: ${says}${todo === "" ? "" : `\n      ${todo}`}\n`);
  if (answer.verdict === "fail") process.exitCode = exitCodes.error;
}

async function rotateHook(named: string | undefined, { output }: Output): Promise<void> {
  const path = repositoryPath(await chosenRepository(named));
  const answer = await connect().send<RepositorySetUp & { readonly oldUntil: string | null }>(
    "POST",
    `${path}/rotate-hook`,
  );
  tellSetUp(answer, output);
  if (answer.oldUntil !== null) say(`the secret before it is good until ${answer.oldUntil}`);
}
