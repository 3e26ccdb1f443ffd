import type { Command } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printRecord, printRows, say } from "../output.ts";
import { connect, keysCommand, type Output, withOutput } from "./shared.ts";

/** Other people's accounts, for administrators. What they may do is declared in tenant.ts. */
export function addUserCommands(program: Command): void {
  const user = program.command("user").description("people's accounts, for administrators");
  withOutput(user.command("list").description("everybody who has an account")).action(list);
  user
    .command("invite")
    .description("invite somebody by mail")
    .argument("<email>")
    .option("--name <name>", "theirs")
    .option("--platform-admin", "make them a platform administrator")
    .action(invite);
  const change = (name: string, description: string, act: (id: string) => Promise<unknown>) =>
    user
      .command(name)
      .description(description)
      .argument("<user>", "an e-mail or a user id")
      .action(async (text: string) => {
        await act(await idOf(text));
        say(`done: ${name} ${text}`);
      });
  const post = (verb: string) => (id: string) => connect().send("POST", `/api/v1/users/${id}/${verb}`);
  change("disable", "end somebody's sessions and let them sign in no more", post("disable"));
  change("enable", "let somebody sign in again", post("enable"));
  change("remove-second-factor", "for somebody who has lost it", (id) =>
    connect().send("DELETE", `/api/v1/users/${id}/second-factor`),
  );
  withOutput(
    keysCommand(program).command("rotate-signing").description("sign sessions with a new key from now on"),
  ).action(async ({ output }: Output) =>
    printRecord(await connect().send("POST", "/api/v1/auth/signing-keys/rotate"), output),
  );
}

type Person = {
  readonly id: string;
  readonly email: string | null;
  readonly name: string;
  /** Of a service account. */
  readonly domain: string | null;
  readonly platformAdmin: boolean;
  readonly disabledAt: string | null;
};

async function list({ output }: Output): Promise<void> {
  printRows(
    await connect().all<Person>("/api/v1/users"),
    [
      {
        title: "ACCOUNT",
        value: (row) => row.email ?? (row.domain === null ? null : `service:${row.domain}/${row.name}`),
      },
      { title: "NAME", value: (row) => row.name },
      { title: "ID", value: (row) => row.id },
      { title: "PLATFORM ADMIN", value: (row) => (row.platformAdmin ? "yes" : "") },
      { title: "DISABLED SINCE", value: (row) => row.disabledAt },
    ],
    output,
  );
}

async function invite(
  email: string,
  { name, platformAdmin = false }: { readonly name?: string; readonly platformAdmin?: boolean },
): Promise<void> {
  const body = { email, platformAdmin, ...(name === undefined ? {} : { name }) };
  const { via } = await connect().send<{ via: "smtp" | "folder" }>("POST", "/api/v1/users/invitations", body);
  say(via === "smtp" ? `a mail to ${email} is on its way` : "the mail is a file in the platform's mail folder");
}

async function idOf(text: string): Promise<string> {
  if (text.startsWith("usr_")) return text;
  const wanted = text.toLowerCase();
  const found = (await connect().all<Person>("/api/v1/users")).find(({ email }) => email === wanted);
  if (found === undefined) throw new CommandFailure(`${text} has no account`, { exitCode: exitCodes.notFound });
  return found.id;
}
