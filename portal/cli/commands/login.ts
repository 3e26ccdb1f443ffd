import type { Command } from "commander";
import { makeClient } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printRecord, say } from "../output.ts";
import { saveConnection } from "../settings.ts";
import { connect, type Output, withOutput } from "./shared.ts";

export function addLoginCommand(program: Command): void {
  withOutput(
    program.command("login").description("keep an address and a token for later commands; without options: who am I?"),
  )
    .option("--url <url>", "the portal's address")
    .option("--token <token>", "an API token; - reads it from standard input (out of the shell's history)")
    .action(login);
}

async function login({
  url,
  token,
  output,
}: Output & { readonly url?: string; readonly token?: string }): Promise<void> {
  if (url === undefined && token === undefined) return printRecord(await connect().get("/api/v1/auth/whoami"), output);
  if (url === undefined || token === undefined)
    throw new CommandFailure("--url and --token belong together", { exitCode: exitCodes.usage });
  const connection = { url: url.replace(/\/$/, ""), token: token === "-" ? await readStandardInput() : token };
  const who = await makeClient(connection).get<Record<string, unknown>>("/api/v1/auth/whoami");
  say(`kept in ${saveConnection(connection)}`);
  printRecord(who, output);
}

async function readStandardInput(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin) text += String(chunk);
  return text.trim();
}
