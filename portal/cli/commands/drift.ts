import type { Command } from "commander";
import { databasePath, partsOf, resolveDatabase } from "../address.ts";
import { followOperation } from "../follow.ts";
import { awaitLook, type Healed, openDifferences } from "../look-again.ts";
import { printData, printRows, say } from "../output.ts";
import type { DatabaseDrift, DriftFinding, Operation, Orphan } from "../types.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

export function addDriftCommands(program: Command): void {
  const drift = program.command("drift").description("what runs otherwise than it is declared");
  withOutput(
    drift
      .command("list", { isDefault: true })
      .description("every difference that is open")
      .option("--all", "closed ones too"),
  ).action(list);
  withOutput(
    drift.command("show").description("one database: each difference, both sides").argument("<database>"),
  ).action(show);
  withOutput(
    drift
      .command("heal")
      .description("bring a database, or every one of a project, back to its declaration")
      .argument("<database>", "tenant/project/database, or tenant/project"),
  )
    .option("--wait", "wait until it is done and what differed was looked at again")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 120)
    .action(heal);
  withOutput(
    drift.command("orphans").description("what lies on the machine and belongs to no database; nothing touches it"),
  ).action(orphans);
}

const columns = [
  { title: "DATABASE", value: (row: DriftFinding) => `${row.domain}/${row.project}/${row.database}` },
  { title: "PATH", value: (row: DriftFinding) => row.path },
  { title: "DECLARED", value: (row: DriftFinding) => shown(row.declared) },
  { title: "OBSERVED", value: (row: DriftFinding) => shown(row.observed) },
  { title: "HEALING", value: (row: DriftFinding) => row.effect },
  { title: "SINCE", value: (row: DriftFinding) => row.openedAt },
];

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

async function list({ output, all }: Output & { readonly all?: boolean }): Promise<void> {
  const found = await connect().all<DriftFinding>(`/api/v1/drift?state=${all === true ? "all" : "open"}`);
  if (output === "table" && found.length === 0) return say("everything is as declared");
  printRows(found, all === true ? [...columns, { title: "GONE", value: (row) => row.closedAt }] : columns, output);
}

async function show(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const found = await client.get<DatabaseDrift>(`${databasePath(await resolveDatabase(client, text))}/drift`);
  if (output !== "table") return printData(found, output);
  const looked = `looked at ${found.lookedAt ?? "never"}, looked into ${found.inspectedAt ?? "never"}`;
  if (found.inSync) say(`in sync; ${looked}`);
  else {
    printRows(found.findings, columns.slice(1), output);
    say(looked);
  }
  if (found.problem !== null) say(`! the last look inside failed: ${found.problem}`);
}

type HealOptions = Output & { readonly wait?: boolean; readonly timeout: number };

async function heal(text: string, { output, wait, timeout }: HealOptions): Promise<void> {
  const client = connect();
  const [domain, project, database] = partsOf(text);
  const isProject = domain !== undefined && project !== undefined && database === undefined;
  const where: Healed = isProject ? { domain, project } : await resolveDatabase(client, text);
  const path =
    where.database === undefined
      ? `/api/v1/projects/${where.domain}/${where.project}`
      : databasePath({ ...where, database: where.database });
  const deadlineMs = Date.now() + timeout * 1000;
  const before = wait === true ? await openDifferences(client, where) : [];
  const queued = await client.send<Operation>("POST", `${path}/drift/heal`);
  if (wait !== true) {
    if (output !== "table") return printData(queued, output);
    return say(`  ${queued.id} queued: nebula ops watch ${queued.id}`);
  }
  const operation = await followOperation(client, queued.id, timeout * 1000);
  if (output === "table") say(`  ${operation.state}; waiting until what differed was looked at again`);
  await awaitLook(client, where, { operation, before, deadlineMs });
  if (output !== "table") return printData(operation, output);
  say("  as declared");
}

async function orphans({ output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Orphan[] }>("/api/v1/drift/orphans");
  if (output === "table" && items.length === 0) return say("there are no orphans");
  printRows(
    items,
    [
      { title: "KIND", value: (row) => row.kind },
      { title: "SAYS IT IS", value: (row) => row.instance },
      { title: "WHY", value: (row) => row.reason },
      { title: "PID", value: (row) => row.pid },
      { title: "PORT", value: (row) => row.port },
      { title: "WHERE", value: (row) => row.path },
      { title: "SINCE", value: (row) => row.openedAt },
    ],
    output,
  );
}
