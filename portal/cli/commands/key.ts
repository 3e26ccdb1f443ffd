import { type Command, InvalidArgumentError } from "commander";
import { partsOf } from "../address.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, printRows, say } from "../output.ts";
import { collect, connect, type Output, withOutput } from "./shared.ts";

export type Key = {
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly role: string | null;
  readonly tenant: string | null;
  readonly project: string | null;
  readonly database: string | null;
  readonly scopes: readonly string[] | null;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
  readonly successor: string | null;
  readonly key?: string;
};

export function addKeyCommands(program: Command): void {
  const key = program.command("key").description("API keys: yours, and those of service accounts");
  withOutput(key.command("list").description("keys that work, without their secrets")).action(list);
  withOutput(
    key
      .command("create")
      .description("make a key; it is shown once, and never holds more than you do")
      .argument("<name>", "what it is for"),
  )
    .option(
      "--at <place>",
      "where it holds: tenant, tenant/project or tenant/project/database; default: wherever you do",
    )
    .option("--service-account <tenant/name>", "make it a service account's")
    .option("--role <role>", "narrow it to a role")
    .option("--scope <scope>", "narrow it to a scope (repeat for more); docs/roles.md lists them", collect)
    .option("--expires <duration>", "how long it lives: 12h, 90d; default: until it is revoked", parseSeconds)
    .action(create);
  withOutput(
    key.command("rotate").description("make its successor; the old one lives on for the overlap").argument("<id>"),
  )
    .option("--overlap <duration>", "how long both open: 0s to 30d", parseSeconds, 3600)
    .action(rotate);
  key.command("revoke").description("end a key at once").argument("<id>").action(revoke);
}

async function list({ output }: Output): Promise<void> {
  printRows(
    await connect().all<Key>("/api/v1/keys"),
    [
      { title: "ID", value: (row) => row.id },
      { title: "NAME", value: (row) => row.name },
      { title: "FOR", value: (row) => row.user },
      { title: "WHERE", value: placeOf },
      { title: "ROLE", value: (row) => row.role ?? "all its own" },
      { title: "SCOPES", value: (row) => row.scopes?.join(" ") ?? "all" },
      { title: "LAST USED", value: (row) => row.lastUsedAt ?? "never" },
      { title: "EXPIRES", value: (row) => row.expiresAt ?? "never" },
    ],
    output,
  );
}

type CreateOptions = Output & {
  readonly at?: string;
  readonly serviceAccount?: string;
  readonly role?: string;
  readonly scope?: readonly string[];
  readonly expires?: number;
};

async function create(name: string, options: CreateOptions): Promise<void> {
  const [account, place] = [options.serviceAccount?.split("/"), options.at === undefined ? [] : partsOf(options.at)];
  if (account !== undefined && (account.length !== 2 || (place[0] ?? account[0]) !== account[0]))
    throw new CommandFailure("--service-account is tenant/name, and --at inside that tenant", {
      exitCode: exitCodes.usage,
    });
  if (place.length > 3 || place.includes(""))
    throw new CommandFailure("--at is tenant, tenant/project or tenant/project/database", {
      exitCode: exitCodes.usage,
    });
  const [tenant = account?.[0], project, database] = place;
  const made = await connect().send<Key>("POST", "/api/v1/keys", {
    name,
    ...(account === undefined ? {} : { serviceAccount: account[1] }),
    ...{ tenant, project, database, role: options.role, scopes: options.scope },
    ...(options.expires === undefined
      ? {}
      : { expiresAt: new Date(Date.now() + options.expires * 1000).toISOString() }),
  });
  printOnce(made, options);
}

async function rotate(id: string, { overlap, ...output }: Output & { readonly overlap: number }): Promise<void> {
  printOnce(
    await connect().send<Key>("POST", `/api/v1/keys/${encodeURIComponent(id)}/rotate`, { overlapSeconds: overlap }),
    output,
  );
}

async function revoke(id: string): Promise<void> {
  await connect().send("DELETE", `/api/v1/keys/${encodeURIComponent(id)}`);
  say(`revoked ${id}`);
}

/** The secret alone is data in a table: `KEY=$(nebula key create ci)`. */
function printOnce(made: Key, { output }: Output): void {
  if (output !== "table") return printData(made, output);
  process.stdout.write(`${made.key ?? ""}\n`);
  say(`key ${made.id} of ${made.user}, ${placeOf(made)}; it is shown this once`);
}

const placeOf = ({ tenant, project, database }: Key): string =>
  [tenant, project, database].filter((part) => part !== null).join("/") || "everywhere";

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

export function parseSeconds(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (units[unit] ?? Number.NaN);
  if (count === "" || Number.isNaN(seconds)) throw new InvalidArgumentError("is a number with s, m, h or d: 90d");
  return seconds;
}
