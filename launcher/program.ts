/** The command tree: the local commands, and the product's from portal/cli. A command's code is loaded only when it is used. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { locateData, repository } from "./data-folder.ts";
import { noCommand } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { mostReplicas } from "./mains.ts";
import { highestPort } from "./ports.ts";
import { type Format, formats } from "./print.ts";

export async function makeProgram(): Promise<Command> {
  const program = new Command("nebula")
    .description("NebulaDB: databases as a Git repository")
    .addOption(new Option("-o, --output <format>", "format of standard output").choices(formats).default("table"))
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageText(text)) });
  addLocalCommands(program);
  await addProduct(program);
  // What a failing command prints belongs to whoever asked the top-level program.
  const inherit = (command: Command) => {
    for (const child of command.commands) inherit(child.copyInheritedSettings(command));
  };
  inherit(program);
  return program;
}

function addLocalCommands(program: Command): void {
  const output = () => program.opts<{ output: Format }>().output;
  const data = () => new Option("--data <dir>", "data folder (default: $NEBULA_DATA, else .nebula beside the code)");
  program
    .command("up")
    .description("start the platform on this machine; a running one is left as it is")
    .option("-d, --detach", "return when it is ready")
    .addOption(data())
    .addOption(new Option("--port <n>", "first of its ports (default: the last one used, else 4400)").argParser(toPort))
    .addOption(
      new Option(
        "--replicas <n>",
        "portals, and as many reconcilers (default: as many as last time, else 1)",
      ).argParser(toReplicas),
    )
    .action(async (options) => (await import("./commands/up.ts")).up({ ...options, output: output() }));
  program
    .command("down")
    .description("stop it: reconciler, portal, databases, ledger")
    .addOption(data())
    .action(async (options) => (await import("./commands/down.ts")).down({ ...options, output: output() }));
  program
    .command("status")
    .description("processes, addresses, memory, versions")
    .addOption(data())
    .action(async (options) => (await import("./commands/status.ts")).status({ ...options, output: output() }));
  addRecoveryCommands(program, output, data);
  addTenantCommands(program, output, data);
  program
    .command("test")
    .description("checks and tests; the last line is `N passed, N failed`")
    .argument(
      "[suite or file...]",
      "unit, conformance, system, ...; types, lint, rooms, docs; a path like tests/faults/drift.test.ts",
    )
    .addHelpText(
      "after",
      "\nNEBULA_SEED=N runs the random ones of faults and attacks again as a run that printed that seed.",
    )
    .action(async (suites) => orFail((await import("./commands/test.ts")).test(suites, { output: output() })));
  program
    .command("soak")
    .description("the faults and attacks at their large n, with real times; takes hours")
    .argument("[suite or file...]", "faults, attacks, or the path of one of their files")
    .action(async (suites: string[]) => {
      const names = suites.length === 0 ? ["faults", "attacks", "tests/data-api/fuzz.test.ts"] : suites;
      await orFail((await import("./commands/test.ts")).test(names, { output: output(), soak: true }));
    });
  program
    .command("bench")
    .description("run one bench of bench/ and print its report")
    .argument("<name>")
    .argument("[args...]")
    .action(async (name, args) => {
      await (await import("./commands/bench.ts")).bench(name, args, { output: output() });
    });
  program
    .command("doctor")
    .description("what this machine has, what is missing, what to do")
    .addOption(data())
    .action(async (options) => orFail((await import("./commands/doctor.ts")).doctor({ ...options, output: output() })));
  program
    .command("demo")
    .description("the main job in one command, against the running platform or a temporary one")
    .option("--keep", "leave the demo's database there to look at")
    .addOption(
      new Option("--chapter <name>", "what to show").choices(["main", "compute", "data", "billing"]).default("main"),
    )
    .action(async (options) => (await import("./commands/demo.ts")).demo({ ...options, output: output() }));
  program
    .command("completion")
    .description('print a completion script: eval "$(nebula completion bash)"')
    .addArgument(new Argument("<shell>").choices(["bash", "zsh"]))
    .action(async (shell) => {
      process.stdout.write((await import("./commands/completion.ts")).completion(program, shell));
    });
}

/** The platform itself, lost and found (docs/disaster-recovery.md). */
function addRecoveryCommands(program: Command, output: () => Format, data: () => Option): void {
  const load = () => import("./commands/backup.ts");
  const passphrase = () =>
    new Option(
      "--passphrase-file <file>",
      "of the sealed master key; the file's mode is 0600 (else $NEBULA_BACKUP_PASSPHRASE)",
    );
  const masterKey = () => new Option("--master-key <file>", "secrets/master.key of the platform that was lost");
  const backup = program
    .command("backup")
    .description("back the platform up while it works: ledger, forge, wrapped keys; no tenant's data, no master key")
    .option("--to <folder>", "where to (default: backups/by-hand/<time> in the data folder)")
    .option("--with-keys", "put the master key in as well, sealed under a passphrase")
    .addOption(passphrase())
    .addOption(data())
    .action(async (options) => (await load()).backup({ ...options, output: output() }));
  backup
    .command("verify")
    .description("read a backup, or all continuous backups, against their checksums")
    .argument("[folder]", "a backup (default: the continuous backups of the data folder)")
    .addOption(data())
    .action(async (folder, options) => (await load()).verify(folder, { ...options, output: output() }));
  program
    .command("restore")
    .description("bring the platform back from a backup, into a data folder without a ledger; `up` starts it")
    .requiredOption("--from <folder>", "a backup, or the folder of the continuous backups")
    .addOption(
      new Option(
        "--to-time <rfc3339>",
        "with continuous backups: as it was then (default: as late as possible)",
      ).argParser(toTime),
    )
    .addOption(masterKey())
    .addOption(passphrase())
    .addOption(data())
    .action(async (options) => (await load()).restore({ ...options, output: output() }));
  program
    .command("rebuild")
    .description("make a new ledger from Git, the kept keys and what runs, when ledger and backups are lost")
    .option("--git <address>", "the declarations' repository, when the forge's is lost too")
    .addOption(new Option("--port <n>", "first of the ports (default: the last one used)").argParser(toPort))
    .option("--keys <file>", "the vault's wrapped keys (default: secrets/wrapped-keys.json)")
    .addOption(masterKey())
    .addOption(data())
    .action(async (options) => (await load()).rebuild({ ...options, output: output() }));
}

/** What the platform's people do for a tenant on its machine. */
function addTenantCommands(program: Command, output: () => Format, data: () => Option): void {
  program
    .command("tenant")
    .description("a whole tenant")
    .command("export")
    .description("a tenant's declarations with history, usage, invoices, audit, operations and data, to take away")
    .argument("<tenant>")
    .option("--to <folder>", "where to (default: <tenant>-export)")
    .option("--without-data", "leave the databases' dumps out")
    .addOption(data())
    .action(async (tenant, options) =>
      (await import("./commands/backup.ts")).exportTenant(tenant, { ...options, output: output() }),
    );
}

/** The commands that speak HTTP. They find the platform of this checkout by NEBULA_DATA. */
async function addProduct(program: Command): Promise<void> {
  const index = join(repository, "portal/cli/index.ts");
  if (!existsSync(index)) return;
  const product = (await import(index)) as { addProductCommands?: (program: Command) => void };
  if (product.addProductCommands === undefined) throw noCommand(`${index} has no commands`);
  const local = new Set(program.commands);
  product.addProductCommands(program);
  program.hook("preAction", async (_, command) => {
    if (local.has(command)) return;
    process.env.NEBULA_DATA ??= locateData(undefined, process.env);
    if (command.name() === "connect") await (await import("./commands/demo.ts")).nameClientTools(process.env);
  });
}

async function orFail(succeeded: Promise<boolean>): Promise<void> {
  if (!(await succeeded)) process.exitCode = exitCodes.error;
}

function toReplicas(text: string): number {
  const replicas = Number(text);
  if (!Number.isSafeInteger(replicas) || replicas < 1 || replicas > mostReplicas)
    throw new InvalidArgumentError(`replicas are a number from 1 to ${mostReplicas}.`);
  return replicas;
}

function toTime(text: string): Date {
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError("a time looks like 2026-11-21T14:05:00Z.");
  return time;
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isSafeInteger(port) || port < 1024 || port > highestPort)
    throw new InvalidArgumentError(`a port is a number from 1024 to ${highestPort}.`);
  return port;
}

/** A value that an option or an argument cannot have is what the API calls NEB601, whichever of the two looked at it first. */
const usageText = (text: string): string =>
  text.replace(/^error: (?=option|command-argument)/, "nebula: NEB601 ").replace(/^error: /, "nebula: ");
