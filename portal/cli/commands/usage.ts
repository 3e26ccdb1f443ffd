import { type Command, Option } from "commander";
import { printData, printRows } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

export type Invoice = {
  readonly month: string;
  readonly currency: string;
  readonly total: string;
  readonly lines: readonly {
    readonly tenant: string;
    readonly project: string;
    readonly database: string;
    readonly meter: string;
    readonly quantity: string;
    readonly unit: string;
    readonly unitPrice: string;
    readonly amount: string;
  }[];
};
export type UsageRecord = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  readonly windowStart: string;
  readonly quantity: string;
};

type Range = { readonly tenant?: string; readonly month?: string };

export function addUsageCommands(program: Command): void {
  const usage = program.command("usage").description("what was used and what it costs");
  ranged(
    withOutput(usage.command("list", { isDefault: true }).description("usage of the month by database and meter")),
  ).action(list);
  ranged(withOutput(usage.command("invoice").description("the month's draft invoice"))).action(invoice);
  ranged(usage.command("export").description("the month's usage for finance, on standard output"))
    .addOption(new Option("--format <format>", "focus-csv or json").choices(["focus-csv", "json"]).default("focus-csv"))
    .action(exportUsage);
}

const ranged = (command: Command): Command =>
  command.option("--tenant <tenant>", "one tenant only").option("--month <yyyy-mm>", "another month than this one");

const query = ({ tenant, month }: Range) => ({ domain: tenant, month });

async function list(options: Output & Range): Promise<void> {
  const records = await connect().all<UsageRecord>("/api/v1/usage", query(options));
  printRows(
    options.output === "table" ? summed(records) : records,
    [
      { title: "DATABASE", value: (row) => `${row.tenant}/${row.project}/${row.database}` },
      { title: "METER", value: (row) => row.meter },
      { title: "QUANTITY", value: (row) => Number(row.quantity).toLocaleString("en-US", { maximumFractionDigits: 3 }) },
      { title: "SINCE", value: (row) => row.windowStart },
    ],
    options.output,
  );
}

/** The hours of a database and meter as one row, from the first of them. */
function summed(records: readonly UsageRecord[]): UsageRecord[] {
  const groups = Map.groupBy(records, ({ tenant, project, database, meter }) =>
    [tenant, project, database, meter].join("/"),
  );
  return [...groups.values()].flatMap((rows) => {
    const [first] = rows.toSorted((a, b) => a.windowStart.localeCompare(b.windowStart));
    const quantity = rows.reduce((sum, row) => sum + Number(row.quantity), 0);
    return first === undefined ? [] : [{ ...first, quantity: String(quantity) }];
  });
}

async function invoice(options: Output & Range): Promise<void> {
  const draft = await connect().get<Invoice>("/api/v1/usage/invoice", query(options));
  if (options.output !== "table") return printData(draft, options.output);
  printRows(
    draft.lines,
    [
      { title: "DATABASE", value: (row) => `${row.tenant}/${row.project}/${row.database}` },
      { title: "METER", value: (row) => row.meter },
      { title: "QUANTITY", value: (row) => `${row.quantity} ${row.unit}` },
      { title: "UNIT PRICE", value: (row) => row.unitPrice },
      { title: "AMOUNT", value: (row) => row.amount },
    ],
    "table",
  );
  process.stdout.write(`\ndraft for ${draft.month}: ${draft.total} ${draft.currency}\n`);
}

async function exportUsage(options: Range & { readonly format: string }): Promise<void> {
  process.stdout.write(await connect().text("/api/v1/usage/export", { ...query(options), format: options.format }));
}
