import type { Command } from "commander";
import { collectionPath, databasePath, partsOf, resolveDatabase, resolveNewDatabase } from "../address.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, printRecord, printRows, say } from "../output.ts";
import type { Change, Database, Project } from "../types.ts";
import { confirmByName } from "./ask.ts";
import { addBackupCommands } from "./backups.ts";
import { dropUndefined, finish, mustBeMergeable, withFollowing } from "./change.ts";
import { addConnectCommand } from "./connect.ts";
import { addImportCommand } from "./import.ts";
import { addMetricsCommand } from "./metrics.ts";
import { addMigrationCommands } from "./migrations.ts";
import {
  collect,
  collectPair,
  connect,
  type Output,
  parseCount,
  parsePositive,
  parseUnits,
  withOutput,
} from "./shared.ts";
import { addUrlCommand } from "./url.ts";

type Options = {
  readonly engine?: string;
  readonly version?: string;
  readonly size?: string;
  readonly min?: number;
  readonly max?: number;
  readonly suspendAfter?: string;
  readonly storage?: string;
  readonly replicas?: number;
  readonly synchronous?: boolean;
  readonly retention?: string;
  readonly pitr?: boolean;
  readonly extension?: readonly string[];
  readonly allow?: readonly string[];
  readonly tag?: Readonly<Record<string, string>>;
  readonly autoMerge?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
};

export function addDatabaseCommands(program: Command): void {
  const db = program.command("db").description("databases: what is declared, and how it is");
  withOutput(
    db.command("list").description("every database that you may see").argument("[project]", "tenant/project"),
  ).action(list);
  withOutput(db.command("show").description("one database").argument("<database>")).action(show);
  withDeclaration(
    db.command("create").description("open a pull request that declares a database").argument("<database>"),
  )
    .option("--engine <engine>", "postgres, mysql, mariadb, mongodb, redis, elasticsearch", "postgres")
    .action(create);
  withDeclaration(
    db.command("edit").description("open a pull request that changes a declaration").argument("<database>"),
  ).action(edit);
  addScaling(db);
  addActs(db);
  addBackupCommands(db);
  addImportCommand(db);
  addMigrationCommands(db);
  addUrlCommand(db);
  addMetricsCommand(db);
  withFollowing(
    db
      .command("delete")
      .description("retire a database; once that is merged, again to delete it")
      .argument("<database>"),
  )
    .option("-y, --yes", "do not ask")
    .action(remove);
  addConnectCommand(db);
}

/** Changes of a declaration that have names of their own. */
function addScaling(db: Command): void {
  withFollowing(
    db
      .command("scale")
      .description("open a pull request that changes compute, replicas or instances")
      .argument("<database>"),
  )
    .option("--size <size>", "a named size, for example db.t3.small")
    .option("--min <units>", "compute units at least", parseUnits)
    .option("--max <units>", "compute units at most; the quota counts these", parseUnits)
    .option("--replicas <number>", "streaming standbys", parseCount)
    .option("--synchronous", "a commit waits until a standby has it too")
    .option("--no-synchronous", "commits wait for no standby")
    .action((text: string, options: Options & Output) => {
      const { size, min, max, replicas, synchronous } = options;
      const compute = dropUndefined({ min, max });
      const body = { size, compute: Object.keys(compute).length > 0 ? compute : undefined, replicas, synchronous };
      return proposeBy("scale", text, dropUndefined(body), options);
    });
  withFollowing(
    db
      .command("expand")
      .description("open a pull request that gives a database more storage")
      .argument("<database>")
      .argument("<storage>", "for example 20Gi"),
  ).action((text: string, storage: string, options: Options & Output) =>
    proposeBy("expand", text, { storage }, options),
  );
  withFollowing(
    db
      .command("upgrade")
      .description("open a pull request that moves a database to a newer version")
      .argument("<database>")
      .argument("<version>", "of the engine"),
  ).action((text: string, version: string, options: Options & Output) =>
    proposeBy("upgrade", text, { version }, options),
  );
}

/** What acts at once: the declaration does not change. */
const acts = {
  pause: "stop a database and keep its data",
  resume: "start a paused database again",
  restart: "stop and start a database's server; connections end",
  rotate: "give the owner and every role that logs in a new password",
} as const;

function addActs(db: Command): void {
  for (const [name, description] of Object.entries(acts))
    withOutput(db.command(name).description(description).argument("<database>"))
      .option("--no-wait", "return when it is queued")
      .option("--timeout <seconds>", "how long to wait", parsePositive, 120)
      .action((text: string, options: Options & Output) => act(name, text, options));
}

function withDeclaration(command: Command): Command {
  return withFollowing(command)
    .option("--version <version>", "version of the engine")
    .option("--size <size>", "a named size, for example db.t3.small")
    .option("--min <units>", "compute units at least", parseUnits)
    .option("--max <units>", "compute units at most; the quota counts these", parseUnits)
    .option("--suspend-after <duration>", "idle time before it sleeps, or never")
    .option("--storage <size>", "for example 10Gi")
    .option("--replicas <number>", "streaming standbys", parseCount)
    .option("--synchronous", "a commit waits until a standby has it too")
    .option("--no-synchronous", "commits wait for no standby")
    .option("--retention <duration>", "how long backups are kept, for example 30d")
    .option("--pitr", "restore to any second")
    .option("--no-pitr", "backups only")
    .option("--extension <name>", "an extension; again for more", collect)
    .option("--allow <cidr>", "an address block that may connect; again for more", collect)
    .option("--tag <key=value>", "a tag; again for more", collectPair);
}

async function list(project: string | undefined, { output }: Output): Promise<void> {
  const client = connect();
  const wanted = project === undefined ? undefined : partsOf(project).join("/");
  const projects = (await client.all<Project>("/api/v1/projects")).filter(
    ({ domain, name }) => wanted === undefined || wanted === `${domain}/${name}` || wanted === name,
  );
  if (project !== undefined && projects.length === 0)
    throw new CommandFailure(`there is no project ${project}`, {
      exitCode: exitCodes.notFound,
      hint: "`nebula db list` shows every one.",
    });
  sayStalled(projects);
  const rows = (
    await Promise.all(
      projects.map(({ domain, name }) => client.all<Database>(collectionPath({ domain, project: name }))),
    )
  ).flat();
  printRows(
    rows,
    [
      { title: "DATABASE", value: (row) => `${row.domain}/${row.project}/${row.name}` },
      { title: "ENGINE", value: (row) => `${row.engine} ${row.version}` },
      { title: "STATUS", value: (row) => row.status },
      { title: "PHASE", value: (row) => row.phase },
      { title: "SYNC", value: (row) => (row.drift === 0 ? "in sync" : `${row.drift} differ`) },
      {
        title: "UNITS",
        value: ({ spec, compute }) => {
          if (spec === null) return null;
          const declared = `${spec.compute.minUnits}-${spec.compute.maxUnits}`;
          return compute?.units == null ? declared : `${compute.units} of ${declared}`;
        },
      },
      { title: "STORAGE", value: storageText },
      {
        title: "MONTH",
        value: (row) => (row.estimate === null ? null : `${row.estimate.month.amount} ${row.estimate.month.currency}`),
      },
      { title: "ADDRESS", value: (row) => (row.host === null ? null : `${row.host}:${row.port}`) },
    ],
    output,
  );
}

/** What is declared, and how much of it is used once that matters. */
function storageText({ spec, storage }: Database): string | null {
  if (spec === null) return null;
  const declared = `${spec.storageBytes / 2 ** 30}Gi`;
  if (storage === null || storage.percent < 80) return declared;
  const mode = storage.mode === "writable" ? "" : `, ${storage.mode}`;
  return `${declared} (${storage.percent} %${mode})`;
}

/** Its databases run on as they were; whoever waits for a merge to arrive must know why it does not. */
function sayStalled(projects: readonly Project[]): void {
  for (const { domain, name, status, message, problems } of projects)
    if (status === "Stalled") say(`! ${domain}/${name} is stalled: ${problems[0]?.code ?? ""} ${message}`);
}

async function show(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const [database, { items }] = await Promise.all([
    client.get<Record<string, unknown>>(path),
    client.get<{ items: RestorePoint[] }>(`${path}/restore-points`),
  ]);
  const restorePoints = items.slice(0, 5).map(({ id, at, lsn }) => `${id} at ${at}, log ${lsn}`);
  printRecord(output === "table" ? { ...database, restorePoints } : { ...database, restorePoints: items }, output);
}

type RestorePoint = { readonly id: string; readonly at: string; readonly lsn: string };

async function create(text: string, options: Options & Output): Promise<void> {
  mustBeMergeable(options);
  const client = connect();
  const address = await resolveNewDatabase(client, text);
  const body = {
    name: address.database,
    engine: options.engine,
    ...declaration(options),
    autoMerge: options.autoMerge === true,
  };
  await finish(client, await client.send<Change>("POST", collectionPath(address), body), options);
}

async function edit(text: string, options: Options & Output): Promise<void> {
  mustBeMergeable(options);
  const client = connect();
  const changes = declaration(options);
  if (Object.keys(changes).length === 0)
    throw new CommandFailure("nothing to change", {
      exitCode: exitCodes.usage,
      hint: "Name at least one option: `nebula db edit --help`.",
    });
  const path = databasePath(await resolveDatabase(client, text));
  const { tag } = await client.getWithTag<Database>(path);
  const body = { ...changes, autoMerge: options.autoMerge === true };
  await finish(client, await client.send<Change>("PATCH", path, body, { "if-match": tag }), options);
}

async function proposeBy(
  verb: "scale" | "expand" | "upgrade",
  text: string,
  changes: Record<string, unknown>,
  options: Options & Output,
): Promise<void> {
  mustBeMergeable(options);
  if (Object.keys(changes).length === 0)
    throw new CommandFailure("nothing to change", {
      exitCode: exitCodes.usage,
      hint: `Name at least one option: \`nebula db ${verb} --help\`.`,
    });
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const body = { ...changes, autoMerge: options.autoMerge === true };
  await finish(client, await client.send<Change>("POST", `${path}/${verb}`, body), options);
}

async function act(verb: string, text: string, options: Options & Output): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const change = await client.send<Change>("POST", `${path}/${verb}`);
  if (options.wait !== false) return finish(client, change, { ...options, wait: true });
  if (options.output === "table") say(`  queued: nebula ops watch ${change.operation.id}`);
  else printData(change, options.output);
}

async function remove(text: string, options: Options & Output & { readonly yes?: boolean }): Promise<void> {
  mustBeMergeable(options);
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const { body: database, tag } = await client.getWithTag<Database>(path);
  const what = database.retired ? "deleted; a final copy is kept for the retention time" : "retired: stopped, and kept";
  if (options.yes !== true) await confirmByName(database.name, `${database.id} will be ${what}.`);
  await finish(
    client,
    await client.send<Change>("DELETE", `${path}?autoMerge=${options.autoMerge === true}`, undefined, {
      "if-match": tag,
    }),
    options,
  );
}

/** Only what was asked for: an option that is not given is not part of the change. */
function declaration(options: Options): Record<string, unknown> {
  const compute = dropUndefined({ min: options.min, max: options.max, suspendAfter: options.suspendAfter });
  const backups = dropUndefined({ retention: options.retention, pitr: options.pitr });
  return dropUndefined({
    version: options.version,
    size: options.size,
    compute: Object.keys(compute).length > 0 ? compute : undefined,
    storage: options.storage,
    replicas: options.replicas,
    synchronous: options.synchronous,
    backups: Object.keys(backups).length > 0 ? backups : undefined,
    extensions: options.extension,
    allowFrom: options.allow,
    tags: options.tag,
  });
}
