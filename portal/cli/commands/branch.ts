import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { printRows } from "../output.ts";
import type { Branch, Change } from "../types.ts";
import { confirmByName } from "./ask.ts";
import { dropUndefined, type Following, finish, mustBeMergeable, withFollowing } from "./change.ts";
import { collectPair, connect, type Output, parsePositive, parseUnits, withOutput } from "./shared.ts";

type Options = Following & {
  readonly at?: string;
  readonly ttl?: string;
  readonly size?: string;
  readonly min?: number;
  readonly max?: number;
  readonly suspendAfter?: string;
  readonly retention?: string;
  readonly tag?: Readonly<Record<string, string>>;
};

export function addBranchCommands(program: Command): void {
  const branch = program.command("branch").description("branches: copies of databases, with an endpoint of their own");
  withOutput(
    branch.command("list").description("branches of a database, those of pull requests too").argument("<database>"),
  ).action(list);
  withFollowing(
    branch
      .command("create")
      .description("open a pull request that declares a branch")
      .argument("<database>", "whose copy it is")
      .argument("<name>", "of the branch"),
  )
    .option(
      "--at <moment>",
      "the moment whose data it has, for example 2026-11-20T10:00:00Z; default: that of its creation",
    )
    .option("--ttl <duration>", "how long it lives, for example 7d; default: until its file is deleted")
    .option("--size <size>", "a named size, for example db.t3.small")
    .option("--min <units>", "compute units at least", parseUnits)
    .option("--max <units>", "compute units at most; the quota counts these", parseUnits)
    .option("--suspend-after <duration>", "idle time before it sleeps, or never")
    .option("--retention <duration>", "backups of its own, for example 7d; default: none")
    .option("--tag <key=value>", "a tag beside its parent's; again for more", collectPair)
    .action(create);
  withOutput(branch.command("reset").description("make a branch anew of its parent; what was written in it is lost"))
    .argument("<branch>")
    .option("-y, --yes", "do not ask")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 600)
    .action(reset);
}

async function list(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const { items } = await client.get<{ items: Branch[] }>(
    `${databasePath(await resolveDatabase(client, text))}/branches`,
  );
  printRows(
    items,
    [
      { title: "BRANCH", value: (row) => row.id.replaceAll(".", "/") },
      { title: "OF", value: (row) => row.of },
      { title: "AT", value: (row) => row.at ?? "its creation" },
      { title: "STATUS", value: (row) => (row.status === "Ready" ? row.status : `${row.status} (${row.reason})`) },
      {
        title: "BY",
        value: (row) => (row.pull === null ? (row.declared ? "its file" : null) : `pull request #${row.pull}`),
      },
      { title: "SINCE", value: (row) => row.createdAt },
      { title: "UNTIL", value: (row) => row.expiresAt },
    ],
    output,
  );
}

async function create(text: string, name: string, options: Options): Promise<void> {
  mustBeMergeable(options);
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const { at, ttl, size, min, max, suspendAfter, retention, tag } = options;
  const compute = dropUndefined({ min, max, suspendAfter });
  const body = dropUndefined({
    ...{ name, at, ttl, size, tags: tag, autoMerge: options.autoMerge === true },
    compute: Object.keys(compute).length === 0 ? undefined : compute,
    backups: retention === undefined ? undefined : { retention },
  });
  await finish(client, await client.send<Change>("POST", `${path}/branches`, body), options);
}

async function reset(
  text: string,
  options: Output & { readonly yes?: boolean; readonly timeout: number },
): Promise<void> {
  const client = connect();
  const address = await resolveDatabase(client, text);
  if (options.yes !== true)
    await confirmByName(address.database, `What was written in ${address.database} will be lost.`);
  const change = await client.send<Change>("POST", `${databasePath(address)}/reset`);
  await finish(client, change, { ...options, wait: true });
}
