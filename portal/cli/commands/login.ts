import type { Command } from "commander";
import { makeClient } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { proveInBrowser } from "../loopback.ts";
import { printRecord, say } from "../output.ts";
import { makePrompt, type Prompt } from "../prompt.ts";
import { findProvider } from "../providers.ts";
import { connectionOf, type SessionAnswer } from "../session.ts";
import { type Connection, forgetConnection, readSaved, readUrl, saveConnection } from "../settings.ts";
import { connect, type Output, withOutput } from "./shared.ts";

export function addLoginCommand(program: Command): void {
  withOutput(program.command("login").description("sign in and keep it for later commands; without options: who am I?"))
    .option("--url <url>", "the portal's address (default: the platform of this checkout)")
    .option("--email <email>", "sign in as a person; the password is asked for, or a line of standard input")
    .option("--oidc <provider>", "sign in by an OpenID provider, in the browser (`account providers` lists them)")
    .option("--github", "sign in by GitHub, in the browser")
    .option("--token <token>", "an API token; - reads it from standard input (out of the shell's history)")
    .action(login);
  program
    .command("logout")
    .description("end the session that `login` keeps, and forget it")
    .option("--everywhere", "end every session of the account")
    .action(logout);
  withOutput(program.command("whoami").description("who asks, and what they may do")).action(whoami);
}

type LoginOptions = Output & {
  readonly url?: string;
  readonly token?: string;
  readonly email?: string;
  readonly oidc?: string;
  readonly github?: boolean;
};

async function login({ url, token, email, oidc, github, output }: LoginOptions): Promise<void> {
  const ways = { "--email": email, "--token": token, "--oidc": oidc, "--github": github || undefined };
  const said = Object.entries(ways).flatMap(([option, value]) => (value === undefined ? [] : [option]));
  if (said.length > 1)
    throw new CommandFailure(`${said.join(" and ")} exclude each other`, { exitCode: exitCodes.usage });
  const provider = github ? "github" : oidc;
  if (provider !== undefined) return withPrompt((prompt) => signInElsewhere(readUrl(url), provider, prompt, output));
  if (email !== undefined) return withPrompt((prompt) => signIn(readUrl(url), email, prompt, output));
  if (url === undefined && token === undefined) return whoami({ output });
  if (url === undefined || token === undefined)
    throw new CommandFailure("--url and --token belong together", { exitCode: exitCodes.usage });
  const connection = { url: readUrl(url), token: token === "-" ? await readStandardInput() : token };
  await keep(connection, output);
}

async function whoami({ output }: Output): Promise<void> {
  printRecord(await connect().get("/api/v1/auth/whoami"), output);
}

type Begun =
  | ({ readonly status: "signed-in" } & SessionAnswer)
  | { readonly status: "second-factor"; readonly mfaToken: string };

async function signIn(url: string, email: string, prompt: Prompt, output: Output["output"]): Promise<void> {
  const portal = makeClient({ url, token: "" });
  const password = await prompt.hidden(`Password of ${email}`);
  await finish(url, await portal.send<Begun>("POST", "/api/v1/auth/login", { email, password }), prompt, output);
}

async function signInElsewhere(url: string, name: string, prompt: Prompt, output: Output["output"]): Promise<void> {
  const proof = await proveInBrowser((await findProvider(url, name)).startUrl, "sign-in");
  const portal = makeClient({ url, token: "" });
  await finish(url, await portal.send<Begun>("POST", "/api/v1/auth/exchange", proof), prompt, output);
}

/** Asks for the second factor where there is one, and keeps the session. */
async function finish(url: string, first: Begun, prompt: Prompt, output: Output["output"]): Promise<void> {
  const portal = makeClient({ url, token: "" });
  let begun = first;
  if (begun.status === "second-factor") {
    const code = await prompt.hidden("Code of your authenticator, or a recovery code");
    begun = await portal.send<Begun>("POST", "/api/v1/auth/mfa", { mfaToken: begun.mfaToken, code: code.trim() });
  }
  if (begun.status !== "signed-in") throw new CommandFailure("the portal asks for more than this command knows");
  await keep(connectionOf(url, begun), output);
}

/** Keeps a connection that works, and shows whose it is. */
export async function keep(connection: Connection, output: Output["output"]): Promise<void> {
  const who = await makeClient(connection).get<Record<string, unknown>>("/api/v1/auth/whoami");
  say(`kept in ${saveConnection(connection)}`);
  printRecord(who, output);
}

async function logout({ everywhere = false }: { readonly everywhere?: boolean }): Promise<void> {
  const saved = readSaved();
  if (saved === undefined) throw new CommandFailure("nothing is kept", { exitCode: exitCodes.notFound });
  if (saved.session === undefined) {
    if (everywhere) throw new CommandFailure("an API token has no sessions", { exitCode: exitCodes.usage });
  } else if (everywhere) {
    const { ended } = await makeClient(saved).send<{ ended: number }>("POST", "/api/v1/auth/logout-all");
    say(`${ended} session${ended === 1 ? "" : "s"} ended`);
  } else {
    const { refreshToken } = saved.session;
    await makeClient({ url: saved.url, token: "" }).send("POST", "/api/v1/auth/logout", { refreshToken });
  }
  forgetConnection();
  say(`signed out of ${saved.url}`);
}

export async function withPrompt<T>(body: (prompt: Prompt) => Promise<T>): Promise<T> {
  const prompt = makePrompt();
  try {
    return await body(prompt);
  } finally {
    prompt.close();
  }
}

async function readStandardInput(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin) text += String(chunk);
  return text.trim();
}
