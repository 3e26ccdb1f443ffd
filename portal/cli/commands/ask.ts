import { CommandFailure, exitCodes } from "../failure.ts";

/** Asks a person to repeat a name before something is lost. @throws CommandFailure when nobody can be asked, or says something else. */
export async function confirmByName(name: string, what: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new CommandFailure(`${name}: this needs --yes`, {
      exitCode: exitCodes.usage,
      hint: "Without a terminal nobody can be asked.",
    });
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${what} Type its name to go on: `).finally(() => lines.close());
  if (answer.trim() !== name) throw new CommandFailure("not confirmed; nothing was done");
}
