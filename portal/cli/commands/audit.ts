import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { type Command, InvalidArgumentError } from "commander";
import { type FileVerdict, verifyFile } from "../audit-file.ts";
import { CommandFailure } from "../failure.ts";
import { printRecord, printRows, say } from "../output.ts";
import { collect, connect, type Output, parsePositive, withOutput } from "./shared.ts";

type Line = {
  readonly id: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly resource: string;
  readonly domain: string | null;
  readonly result: string;
  readonly address: string | null;
};

const filters = [
  ["--actor <user>", "who"],
  ["--subject <id>", "who, by the pseudonym of the chain"],
  ["--actor-id <id>", "by a key or session"],
  ["--action <name>", "for example databases.create"],
  ["--resource <name>", "to what"],
  ["--tenant <tenant>", "of one tenant"],
  ["--project <project>", "of one project of it"],
  ["--result <result>", "accepted, refused or failed"],
  ["--operation <id>", "that began this operation"],
  ["--commit <sha>", "that made this commit"],
  ["--address <address>", "from this address"],
  ["--user-agent <text>", "with this in its agent"],
  ["--detail <name=value>", "with this in its details"],
  ["--from <time>", "not before, RFC 3339"],
  ["--to <time>", "before, RFC 3339"],
] as const;

export function addAuditCommands(program: Command): void {
  const audit = program.command("audit").description("who did what: read, verify and export the audit");
  const list = withOutput(audit.command("list", { isDefault: true }).description("newest first"))
    .option("--limit <number>", "how many", parsePositive, 20)
    .action(listLines);
  for (const [flags, says] of filters) list.option(flags, says);
  withOutput(audit.command("verify").description("hold the audit, or an export of it, to its hashes and signatures"))
    .option("--file <path>", "an export, verified here without the platform; - for standard input")
    .option("--public-key <base64>", "with --file: the key that you kept elsewhere")
    .option("--anchor <number:hash>", "what the log or a backup says of a line; may be repeated", collectAnchor)
    .action(verify);
  audit.command("export").description("the whole chain as JSON lines, to standard output").action(exportLines);
}

type Filters = Output & { readonly limit: number; readonly tenant?: string } & Readonly<Record<string, unknown>>;

async function listLines({ output, limit, tenant, ...exact }: Filters): Promise<void> {
  const query = { ...(exact as Record<string, string>), domain: tenant };
  const lines: Line[] = [];
  for (let cursor: string | null | undefined; cursor !== null && lines.length < limit; ) {
    const asked = { ...query, limit: Math.min(200, limit - lines.length), cursor: cursor ?? undefined };
    const page = await connect().get<{ items: Line[]; nextCursor: string | null }>("/api/v1/audit-logs", asked);
    lines.push(...page.items);
    cursor = page.nextCursor;
  }
  printRows(
    lines,
    [
      { title: "AT", value: (row) => row.at },
      { title: "WHO", value: (row) => row.actor },
      { title: "ACTION", value: (row) => row.action },
      { title: "RESOURCE", value: (row) => row.resource },
      { title: "RESULT", value: (row) => row.result },
      { title: "FROM", value: (row) => row.address },
    ],
    output,
  );
}

type VerifyOptions = Output & {
  readonly file?: string;
  readonly publicKey?: string;
  readonly anchor?: readonly string[];
};

async function verify({ file, publicKey, anchor = [], output }: VerifyOptions): Promise<void> {
  const found = file === undefined ? await askPlatform(anchor) : await readFile(file, publicKey, anchor);
  printRecord(found, output);
  if (!found.ok)
    throw new CommandFailure(`the audit is not what it was: ${found.problems.join("; ")}`, {
      hint: "Keep the ledger as it is, compare it with a backup and with anchors of the log, and see docs/audit.md.",
    });
  if (file !== undefined && publicKey === undefined)
    say("Signed by the key that the file itself names; give --public-key to hold it to the one you kept.");
}

async function askPlatform(anchors: readonly string[]): Promise<FileVerdict> {
  const [first, ...others] = anchors;
  const ask = (anchor: string | undefined) => connect().get<FileVerdict>("/api/v1/audit-logs/verify", { anchor });
  const found = await ask(first);
  const problems = [...found.problems];
  for (const anchor of others) problems.push(...(await ask(anchor)).problems.filter((one) => !problems.includes(one)));
  return { ...found, ok: problems.length === 0, problems };
}

function readFile(file: string, publicKey: string | undefined, anchors: readonly string[]): Promise<FileVerdict> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  const failed = new Promise<never>((_, reject) =>
    input.once("error", (cause: Error) => reject(new CommandFailure(`${file} cannot be read: ${cause.message}`))),
  );
  const known = anchors.map((anchor) => ({ seq: Number(anchor.split(":")[0]), hash: anchor.split(":")[1] ?? "" }));
  return Promise.race([verifyFile(createInterface({ input }), { publicKey, anchors: known }), failed]);
}

async function exportLines(): Promise<void> {
  const { url } = connect();
  say(`exporting the audit of ${url}`);
  await connect().stream("/api/v1/audit-logs/export", process.stdout);
}

function collectAnchor(text: string, sofar: readonly string[] = []): string[] {
  if (!/^\d{1,15}:[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError("must be number:hash");
  return collect(text, sofar);
}
