import { type Command, InvalidArgumentError, Option } from "commander";
import { type DatabaseAddress, databasePath, resolveDatabase } from "../address.ts";
import { type Client, makeClient } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, printRows, say } from "../output.ts";
import { readConnection } from "../settings.ts";
import type { Key } from "./key.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Bucket = {
  readonly name: string;
  readonly bucket: string;
  readonly endpoint: string | null;
  readonly url: string | null;
  readonly deployed: boolean;
  readonly settings: { readonly public: boolean; readonly storageBytes: number; readonly retire: boolean };
};

export function addBucketCommands(program: Command): void {
  const bucket = program.command("bucket").description("buckets: files beside databases, behind an S3 endpoint");
  withOutput(bucket.command("list").description("buckets of a database").argument("<database>")).action(list);
  withOutput(
    bucket.command("url").description("where anybody reads a bucket").argument("<bucket>", "database/bucket"),
  ).action(url);
  withOutput(
    bucket
      .command("keys")
      .description("credentials for S3 clients: of the key that asks, of --key, or of a new one")
      .argument("<bucket>", "database/bucket"),
  )
    .option("--key <id>", "of this key of yours")
    .option("--create <name>", "make a key for it: files:read, with --write files:write too")
    .option("--write", "with --create: let it write")
    .option("--role <role>", "with --create: narrow it to a role; needed where you ask by a token of no account")
    .option("--expires <duration>", "with --create: how long it lives: 12h, 90d", parseSeconds)
    .action(keys);
  withOutput(
    bucket
      .command("sign")
      .description("an address that reads or writes one object without a key, for a time")
      .argument("<bucket>", "database/bucket")
      .argument("<object>"),
  )
    .addOption(new Option("--method <method>", "GET reads it, PUT writes it").choices(["GET", "PUT"]).default("GET"))
    .option("--expires <duration>", "for how long: 15m, 7d at most", parseSeconds, 3600)
    .option("--key <id>", "signed by this key of yours; default: the key that asks")
    .action(sign);
}

async function list(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const at = await resolveDatabase(client, text);
  printRows(
    await bucketsOf(client, at),
    [
      { title: "BUCKET", value: (row) => `${at.database}/${row.name}` },
      { title: "S3 NAME", value: (row) => row.bucket },
      { title: "ENDPOINT", value: (row) => row.endpoint },
      { title: "OPEN AT", value: (row) => row.url },
      { title: "ROOM", value: (row) => `${Math.round(row.settings.storageBytes / 2 ** 20)}Mi` },
      { title: "STATE", value: (row) => (row.settings.retire ? "retired" : row.deployed ? "served" : "not deployed") },
    ],
    output,
  );
}

async function url(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const { at, name } = await resolveBucket(client, text);
  const found = (await bucketsOf(client, at)).find((one) => one.name === name);
  if (found === undefined) throw missing(text);
  if (found.url === null)
    throw new CommandFailure(`nobody reads ${text} without a key`, {
      exitCode: exitCodes.notFound,
      hint: "Declare public: true or website, or sign an address: nebula bucket sign.",
    });
  show({ url: found.url }, found.url, output);
}

type KeyOptions = Output & {
  readonly key?: string;
  readonly create?: string;
  readonly write?: boolean;
  readonly role?: string;
  readonly expires?: number;
};

async function keys(text: string, options: KeyOptions): Promise<void> {
  const mine = connect();
  const { at, name } = await resolveBucket(mine, text);
  // a new key asks for itself: what it opens is its own, whoever made it
  const client = options.create === undefined ? mine : connectAs(await newKey(mine, at, options.create, options));
  const body = options.create !== undefined || options.key === undefined ? {} : { key: options.key };
  const made = await client.send<Record<string, string>>("POST", `${bucketPath(at, name)}/credentials`, body);
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = made;
  const lines = [
    ...[`AWS_ENDPOINT_URL=${endpoint}`, `AWS_REGION=${region}`, `AWS_ACCESS_KEY_ID=${accessKeyId}`],
    ...[`AWS_SECRET_ACCESS_KEY=${secretAccessKey}`, `BUCKET=${bucket}`],
  ];
  show(made, lines.join("\n"), options.output);
}

async function newKey(client: Client, at: DatabaseAddress, name: string, options: KeyOptions): Promise<string> {
  const { domain: tenant, project, database } = at;
  const scopes = ["files:read", ...(options.write === true ? ["files:write"] : [])];
  const expiresAt = options.expires === undefined ? null : new Date(Date.now() + options.expires * 1000).toISOString();
  const place = { tenant, project, database };
  const asked = { name, ...place, scopes, expiresAt, role: options.role };
  const made = await client.send<Key>("POST", "/api/v1/keys", asked);
  say(`made the key ${made.id}; \`nebula key revoke ${made.id}\` ends these credentials`);
  return made.key ?? "";
}

const connectAs = (key: string): Client => makeClient({ url: readConnection().url, token: key });

type SignOptions = Output & { readonly method: "GET" | "PUT"; readonly expires: number; readonly key?: string };

async function sign(text: string, object: string, { output, method, expires, key }: SignOptions): Promise<void> {
  const client = connect();
  const { at, name } = await resolveBucket(client, text);
  const body = { object, method, expiresSeconds: expires, ...(key === undefined ? {} : { key }) };
  const made = await client.send<{ url: string }>("POST", `${bucketPath(at, name)}/sign`, body);
  show(made, made.url, output);
}

/** For a shell, unless a format was asked for. */
function show(data: unknown, text: string, output: Output["output"]): void {
  if (output === "table") process.stdout.write(`${text}\n`);
  else printData(data, output);
}

const bucketPath = (at: DatabaseAddress, name: string): string =>
  `${databasePath(at)}/buckets/${encodeURIComponent(name)}`;

const bucketsOf = async (client: Client, at: DatabaseAddress): Promise<readonly Bucket[]> =>
  (await client.get<{ items: Bucket[] }>(`${databasePath(at)}/buckets`)).items;

/** `tenant/project/database/bucket`, or `database/bucket`: the database's shortest address that is unique, and the bucket. */
async function resolveBucket(client: Client, text: string): Promise<{ at: DatabaseAddress; name: string }> {
  const mark = text.lastIndexOf("/");
  if (mark < 1 || mark === text.length - 1)
    throw new CommandFailure(`"${text}" is not a bucket's address`, {
      exitCode: exitCodes.usage,
      hint: "Write database/bucket.",
    });
  return { at: await resolveDatabase(client, text.slice(0, mark)), name: text.slice(mark + 1) };
}

const missing = (text: string) =>
  new CommandFailure(`there is no bucket ${text}`, {
    exitCode: exitCodes.notFound,
    hint: "`nebula bucket list <database>` shows what there is.",
  });

function parseSeconds(text: string): number {
  const [, number = "", unit = ""] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? Number.NaN);
  if (!(seconds > 0)) throw new InvalidArgumentError("write a number and s, m, h or d: 15m, 7d");
  return seconds;
}
