import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, printRecord, printRows, say } from "../output.ts";
import type { Repository, RepositorySetUp } from "../types.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

export function addRepositoryCommands(program: Command): void {
  const repo = program.command("repo").description("the Git repositories that declare");
  withOutput(repo.command("list").description("all of them, and whether they are followed")).action(list);
  withOutput(repo.command("show").description("one of them").argument("<owner/name>")).action(show);
  withOutput(
    repo
      .command("add")
      .description("connect one of GitHub; sent again it renews the credential and mends what is missing")
      .argument("<owner/name>")
      .option("--app-id <number>", "the GitHub App; default: this installation's (NEBULA_GITHUB_APP_ID)", parsePositive)
      .option(
        "--private-key-file <path>",
        "the App's private key (.pem), with --app-id (default: $NEBULA_GITHUB_APP_KEY_FILE)",
      )
      .option("--token-file <path>", "a token instead of an App: no check runs then, no annotations")
      .option("--api-url <url>", "https://HOST/api/v3 of a GitHub Enterprise Server")
      .option("--branch <name>", "where declarations are read from; default: the repository's default branch")
      .option("--hook-url <url>", "where GitHub reaches this installation; default: NEBULA_HOOK_URL")
      .option("--no-hook", "set up no webhook: poll only"),
  ).action(add);
  repo
    .command("remove")
    .description("stop following one that declares nothing any more")
    .argument("<owner/name>")
    .action(remove);
}

/** `/api/v1/repositories/owner/name`. */
export function repositoryPath(text: string): string {
  const [owner = "", name = "", ...rest] = text.split("/");
  if (owner === "" || name === "" || rest.length > 0)
    throw new CommandFailure(`"${text}" is not owner/name`, { exitCode: exitCodes.usage });
  return `/api/v1/repositories/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
}

/** The named one, else the only one. */
export async function chosenRepository(named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const { items } = await connect().get<{ items: Repository[] }>("/api/v1/repositories");
  const [only, ...others] = items;
  if (only !== undefined && others.length === 0) return `${only.owner}/${only.name}`;
  const names = items.map(({ owner, name }) => `${owner}/${name}`).join(", ");
  throw new CommandFailure(only === undefined ? "no repository is connected" : `which one? ${names}`, {
    exitCode: exitCodes.usage,
    hint: "Name one as owner/name.",
  });
}

/** What was done goes to standard error with what is left to do; the answer itself to standard output. */
export function tellSetUp(answer: RepositorySetUp, output: Output["output"]): void {
  if (output !== "table") return printData(answer, output);
  for (const line of answer.done) say(`done: ${line}`);
  for (const line of answer.todo) say(`to do: ${line}`);
  if (answer.hookSecret !== null) process.stdout.write(`${answer.hookSecret}\n`);
}

async function list({ output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Repository[] }>("/api/v1/repositories");
  printRows(
    items,
    [
      { title: "REPOSITORY", value: (row) => `${row.owner}/${row.name}` },
      { title: "BRANCH", value: (row) => row.defaultBranch },
      { title: "HOST", value: (row) => new URL(row.apiUrl).host },
      { title: "STATE", value: stateOf },
      { title: "COMMIT", value: (row) => row.seenCommit?.slice(0, 7) },
      { title: "SEEN", value: (row) => row.seenAt },
    ],
    output,
  );
}

async function show(named: string, { output }: Output): Promise<void> {
  const row = await connect().get<Repository>(repositoryPath(named));
  if (output !== "table") return printData(row, output);
  printRecord(
    {
      repository: `${row.owner}/${row.name}`,
      host: row.apiUrl,
      state: stateOf(row),
      ...(row.host.state === "ok" ? {} : { why: row.host.reason, since: row.host.since }),
      ...(row.stalled === null ? {} : { why: row.stalled.reason }),
      credential: row.credential,
      webhook: row.hook === null ? "none: polled" : `${row.hook.url}${row.hook.isSetUp ? "" : " (set up by hand)"}`,
      branch: row.defaultBranch,
      commit: row.seenCommit,
      seen: row.seenAt,
    },
    output,
  );
}

const stateOf = ({ stalled, host }: Repository): string =>
  stalled !== null ? `stalled ${stalled.code}` : host.state === "degraded" ? `degraded ${host.code ?? ""}` : "followed";

type AddOptions = Output & {
  readonly appId?: number;
  readonly privateKeyFile?: string;
  readonly tokenFile?: string;
  readonly apiUrl?: string;
  readonly branch?: string;
  readonly hookUrl?: string;
  /** False with --no-hook. */
  readonly hook: boolean;
};

async function add(named: string, options: AddOptions): Promise<void> {
  repositoryPath(named);
  const [owner, name] = named.split("/");
  const { appId, apiUrl, branch: defaultBranch, hookUrl, output } = options;
  const answer = await connect().send<RepositorySetUp>("POST", "/api/v1/repositories", {
    ...{ owner, name, apiUrl, defaultBranch },
    hookUrl: options.hook ? hookUrl : null,
    ...(appId === undefined ? {} : { app: { id: appId, privateKey: privateKey(options) } }),
    ...(options.tokenFile === undefined ? {} : { token: read(options.tokenFile).trim() }),
  });
  tellSetUp(answer, output);
  say(`${answer.repository.owner}/${answer.repository.name} is followed. \`nebula github check\` looks at the rest.`);
}

function privateKey({ privateKeyFile }: AddOptions): string {
  const { NEBULA_GITHUB_APP_KEY: key, NEBULA_GITHUB_APP_KEY_FILE: file } = process.env;
  const path = privateKeyFile ?? (key ? undefined : file);
  const given = path === undefined ? key : read(path);
  if (given) return given;
  throw new CommandFailure("no private key is given for this App", {
    exitCode: exitCodes.usage,
    hint: "Give --private-key-file, or name that file in NEBULA_GITHUB_APP_KEY_FILE. Without --app-id the portal's own App is used.",
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new CommandFailure(`${path} cannot be read`, { exitCode: exitCodes.usage });
  }
}

async function remove(named: string): Promise<void> {
  await connect().send("DELETE", repositoryPath(named));
  say(`${named} is not followed any more`);
}
