import type { Command } from "commander";
import { makeClient } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printRecord, printRows, say } from "../output.ts";
import { connectionOf, type SessionAnswer } from "../session.ts";
import { readSetupToken, readUrl } from "../settings.ts";
import { addIdentityCommands } from "./identities.ts";
import { keep, withPrompt } from "./login.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type At = { readonly url?: string };
const there = "the portal's address (default: the platform of this checkout)";
const base = "/api/v1/auth";

/** The own account. Passwords are asked for, or come as lines of standard input; they stand in no shell history. */
export function addAccountCommands(program: Command): void {
  const account = program
    .command("account")
    .description("your own account: password, second factor, identities, passkeys, sessions");
  withOutput(account.command("show").description("the account that is signed in")).action(async ({ output }: Output) =>
    printRecord(await connect().get(`${base}/me`), output),
  );
  withOutput(account.command("setup").description("make the first administrator's account, with the token of `up`"))
    .requiredOption("--email <email>", "yours")
    .option("--name <name>", "yours", "Administrator")
    .option("--token <token>", "the one-time token (default: secrets/setup-token of this checkout's platform)")
    .option("--url <url>", there)
    .action(setUp);
  account
    .command("register")
    .description("ask for an account; a mail brings the token for `verify`")
    .requiredOption("--email <email>", "yours")
    .option("--name <name>", "yours")
    .option("--url <url>", there)
    .action(register);
  withOutput(account.command("verify").description("choose a password with the token of a mail, and sign in"))
    .argument("<token>")
    .option("--name <name>", "yours")
    .option("--url <url>", there)
    .action(verify);
  account
    .command("forgot")
    .description("ask for a new password; a mail brings the token for `reset`")
    .requiredOption("--email <email>", "yours")
    .option("--url <url>", there)
    .action(forgot);
  account
    .command("reset")
    .description("set a new password with the token of a mail; every session ends")
    .argument("<token>")
    .option("--url <url>", there)
    .action(reset);
  account.command("password").description("change the password; every other session ends").action(changePassword);
  addFactorCommands(account);
  addIdentityCommands(account);
  withOutput(account.command("sessions").description("where you are signed in")).action(listSessions);
  account
    .command("end-session")
    .description("sign out elsewhere")
    .argument("<session>", "its id, from `account sessions`")
    .action(async (session: string) => {
      await connect().send("DELETE", `${base}/sessions/${encodeURIComponent(session)}`);
      say(`signed out of ${session}`);
    });
}

function addFactorCommands(account: Command): void {
  account.command("totp").description("add a second factor: codes of an authenticator").action(addFactor);
  account
    .command("totp-remove")
    .description("remove the second factor")
    .action(() =>
      withPrompt(async (prompt) => {
        const currentPassword = await prompt.hidden("Password");
        await connect().send("POST", `${base}/totp/remove`, { currentPassword, code: await prompt.hidden("Code") });
        say("removed");
      }),
    );
  account
    .command("recovery-codes")
    .description("make new recovery codes; the ones before are void")
    .action(() =>
      withPrompt(async (prompt) => {
        const currentPassword = await prompt.hidden("Password");
        const body = { currentPassword, code: await prompt.hidden("Code") };
        printCodes(await connect().send<Codes>("POST", `${base}/totp/recovery-codes`, body));
      }),
    );
}

type Codes = { readonly recoveryCodes: readonly string[] };

function printCodes({ recoveryCodes }: Codes): void {
  say("Recovery codes, shown this once; each opens once instead of a code:");
  process.stdout.write(`${recoveryCodes.join("\n")}\n`);
}

const addFactor = (): Promise<void> =>
  withPrompt(async (prompt) => {
    const client = connect();
    const currentPassword = await prompt.hidden("Password");
    const { secret, uri } = await client.send<{ secret: string; uri: string }>("POST", `${base}/totp`, {
      currentPassword,
    });
    say(`Put this into your authenticator, then type a code of it:\n  ${secret}\n  ${uri}`);
    const code = (await prompt.shown("Code")).trim();
    printCodes(await client.send<Codes>("POST", `${base}/totp/confirm`, { code }));
  });

type SetUp = At & Output & { readonly email: string; readonly name: string; readonly token?: string };

const setUp = ({ email, name, token = readSetupToken(), url, output }: SetUp): Promise<void> =>
  withPrompt(async (prompt) => {
    if (token === undefined)
      throw new CommandFailure("no set-up token", {
        exitCode: exitCodes.usage,
        hint: "`up` prints it at the first start and keeps it in secrets/setup-token; say --token.",
      });
    const at = readUrl(url);
    const body = { token, email, name, password: await prompt.newPassword() };
    await keep(connectionOf(at, await anonymous(at).send<SessionAnswer>("POST", `${base}/setup`, body)), output);
  });

async function register({ email, name, url }: At & { readonly email: string; readonly name?: string }): Promise<void> {
  await anonymous(readUrl(url)).send("POST", `${base}/register`, { email, ...(name === undefined ? {} : { name }) });
  say(`look into the mailbox of ${email}`);
}

const verify = (token: string, { name, url, output }: At & Output & { readonly name?: string }): Promise<void> =>
  withPrompt(async (prompt) => {
    const at = readUrl(url);
    const body = { token, password: await prompt.newPassword(), ...(name === undefined ? {} : { name }) };
    await keep(connectionOf(at, await anonymous(at).send<SessionAnswer>("POST", `${base}/verify`, body)), output);
  });

async function forgot({ email, url }: At & { readonly email: string }): Promise<void> {
  await anonymous(readUrl(url)).send("POST", `${base}/password/forgot`, { email });
  say(`if ${email} has an account, its mailbox has a token now`);
}

const reset = (token: string, { url }: At): Promise<void> =>
  withPrompt(async (prompt) => {
    const password = await prompt.newPassword();
    await anonymous(readUrl(url)).send("POST", `${base}/password/reset`, { token, password });
    say("the new password is in force: `./nebula login --email ...`");
  });

const changePassword = (): Promise<void> =>
  withPrompt(async (prompt) => {
    const currentPassword = await prompt.hidden("Current password");
    const newPassword = await prompt.newPassword();
    await connect().send("POST", `${base}/password/change`, { currentPassword, newPassword });
    say("changed; every other session has ended");
  });

type Session = {
  readonly id: string;
  readonly current: boolean;
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly lastUsedAt: string;
};

async function listSessions({ output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Session[] }>(`${base}/sessions`);
  printRows(
    items,
    [
      { title: "SESSION", value: (row) => `${row.id}${row.current ? " (this one)" : ""}` },
      { title: "ADDRESS", value: (row) => row.address },
      { title: "AGENT", value: (row) => row.userAgent },
      { title: "LAST USED", value: (row) => row.lastUsedAt },
    ],
    output,
  );
}

const anonymous = (url: string) => makeClient({ url, token: "" });
