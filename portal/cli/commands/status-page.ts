import type { Command } from "commander";
import { printData, printRows, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Incident = {
  readonly id: string;
  readonly title: string;
  readonly impact: string;
  readonly state: string;
  readonly components: readonly string[];
  readonly startedAt: string;
  readonly resolvedAt: string | null;
};

const states = "investigating, identified, monitoring or resolved";

/** What operators tell everybody: it stands on the portal's /status. */
export function addStatusPageCommands(program: Command): void {
  const incident = program.command("incident").description("what the status page tells everybody");
  withOutput(incident.command("list").description("open incidents, and those of the last 90 days")).action(list);
  withOutput(incident.command("open <title>").description("declare an incident"))
    .requiredOption("--message <text>", "what is known, for everybody to read")
    .option("--impact <impact>", "none, minor, major or critical", "minor")
    .option("--component <name...>", "api, deployments, databases, git or ledger")
    .option("--state <state>", states, "investigating")
    .action(open);
  withOutput(incident.command("update <incident>").description("say how an incident goes on"))
    .requiredOption("--message <text>", "what is known now")
    .requiredOption("--state <state>", states)
    .action(update);
  withOutput(incident.command("resolve <incident>").description("say that an incident is over"))
    .option("--message <text>", "what it was", "This incident is over.")
    .action((id: string, options: Output & { message: string }) => update(id, { ...options, state: "resolved" }));
}

async function list({ output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: readonly Incident[] }>("/api/v1/incidents");
  show(items, output);
}

type Opening = Output & {
  readonly message: string;
  readonly impact: string;
  readonly component?: readonly string[];
  readonly state: string;
};

async function open(title: string, { message, impact, component = [], state, output }: Opening): Promise<void> {
  const body = { title, message, impact, components: component, state };
  const declared = await connect().send<Incident>("POST", "/api/v1/incidents", body);
  if (output !== "table") return printData(declared, output);
  process.stdout.write(`${declared.id}\n`);
  say("it stands on /status");
}

async function update(id: string, said: Output & { message: string; state: string }): Promise<void> {
  const { message, state, output } = said;
  const path = `/api/v1/incidents/${encodeURIComponent(id)}/updates`;
  show([await connect().send<Incident>("POST", path, { message, state })], output);
}

const show = (items: readonly Incident[], output: Output["output"]): void =>
  printRows(
    items,
    [
      { title: "INCIDENT", value: (row) => row.id },
      { title: "STATE", value: (row) => row.state },
      { title: "IMPACT", value: (row) => row.impact },
      { title: "COMPONENTS", value: (row) => row.components.join(", ") },
      { title: "SINCE", value: (row) => row.startedAt },
      { title: "TITLE", value: (row) => row.title },
    ],
    output,
  );
