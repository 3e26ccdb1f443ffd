import { type Command, Option } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { printData, printRows, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Advice = {
  readonly id: string;
  readonly level: "error" | "warn" | "info";
  readonly title: string;
  readonly object: string;
  readonly detail: string;
  readonly fix: string;
  readonly doc: string;
};

const levels = ["error", "warn", "info"] as const;

/** `nebula advise`: what is amiss in a schema, and the SQL that mends it. */
export function addAdviseCommand(program: Command): void {
  withOutput(
    program
      .command("advise")
      .description("what is amiss in a database's schema, and the SQL that mends it; wakes the database")
      .argument("<database>"),
  )
    .addOption(new Option("--level <level>", "the least that is shown").choices(levels).default("info"))
    .option("--fix", "print the SQL alone")
    .action(advise);
}

type Options = Output & { readonly level: (typeof levels)[number]; readonly fix?: boolean };

async function advise(text: string, { output, level, fix = false }: Options): Promise<void> {
  const client = connect();
  const { items } = await client.get<{ items: Advice[] }>(
    `${databasePath(await resolveDatabase(client, text))}/advice`,
  );
  const shown = items.filter((one) => levels.indexOf(one.level) <= levels.indexOf(level));
  if (output !== "table") return printData(shown, output);
  if (fix) return void process.stdout.write(shown.map((one) => `${one.fix} -- ${one.id}\n`).join(""));
  if (shown.length === 0) return say("nothing is amiss");
  printRows(
    shown,
    [
      { title: "LEVEL", value: (row) => row.level },
      { title: "LINT", value: (row) => row.id },
      { title: "OBJECT", value: (row) => row.object },
      { title: "WHAT", value: (row) => `${row.title} (${row.detail})` },
    ],
    output,
  );
}
