import type { Command } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

export function addSubjectCommands(program: Command): void {
  const subject = program.command("subject").description("what is held about a person: export it, erase it");
  subject
    .command("export")
    .description("everything held about a person, as JSON")
    .argument("<user>", "e-mail or user name")
    .action(async (user: string) =>
      printData(await connect().send("POST", "/api/v1/subjects/export", { user }), "json"),
    );
  withOutput(subject.command("erase").description("erase a person, also from the audit; it cannot be undone"))
    .argument("<user>", "e-mail or user name")
    .option("--yes", "do it without asking back")
    .action(erase);
}

type Erased = { readonly declaredIn: readonly string[] };

async function erase(user: string, { yes = false, output }: Output & { readonly yes?: boolean }): Promise<void> {
  if (!yes)
    throw new CommandFailure(`erasing ${user} cannot be undone`, {
      exitCode: exitCodes.usage,
      hint: "Keep `nebula subject export` first if you must, then say it with --yes.",
    });
  const done = await connect().send<Erased>("POST", "/api/v1/subjects/erase", { user });
  printData(done, output === "table" ? "json" : output);
  if (done.declaredIn.length > 0)
    say(
      `Still a member of ${done.declaredIn.join(", ")} by tenant.ts: \`nebula member remove\` opens the pull request.`,
    );
}
